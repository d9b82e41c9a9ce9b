"""Trials, kept and chosen."""

import pytest

from keras_cem.cli.console import CommandError
from keras_cem.cli.tuning.search_space import Choices, Numbers
from keras_cem.cli.tuning.study import Study
from keras_cem.cli.tuning.trial import STAGES_PER_TRAINING, Outcome

SPACE = {
    "learning_rate": Numbers(1e-4, 1e-1, log=True),
    "gradient_steps": Numbers(1, 50, log=True),
    "batch_size": Numbers(20, 60, step=10),
    "hidden_units": Choices(("", "32", None)),
}
START = {
    "learning_rate": 0.01,
    "gradient_steps": 10,
    "batch_size": 20,
    "hidden_units": "32",
}


def opened(path, config=None, **given):
    options = {"seed": 3, "startup_trials": 2, "prune": True, **given}
    return Study(path, config or {"env": "x"}, SPACE, **options)


def play(tried, report):
    """Better with more gradient steps."""
    for stage in range(STAGES_PER_TRAINING):
        report(stage + 1, tried["gradient_steps"] * stage)
    return Outcome(float(tried["gradient_steps"]), 100.0)


def interrupted(tried, report):
    report(1, 5.0)
    raise KeyboardInterrupt


def returning(value, env_steps):
    return lambda tried, report: Outcome(value, env_steps)


def run(study, trials):
    for _ in range(trials):
        study.run(START, play)
    return study.done()


def test_a_search_starts_where_it_is_told_to(tmp_path):
    (first, second) = run(opened(tmp_path / "log"), 2)
    assert first.tried == START
    assert second.tried != START
    assert (first.episode_return, first.env_steps) == (10.0, 100.0)
    assert (first.stages, first.failure) == (STAGES_PER_TRAINING, None)


def test_trials_are_within_the_space(tmp_path):
    tried = [each.tried for each in run(opened(tmp_path / "log"), 12)]
    assert {each["hidden_units"] for each in tried} == {"", "32", None}
    assert {each["batch_size"] % 10 for each in tried} == {0}
    assert all(1 <= each["gradient_steps"] <= 50 for each in tried)
    for each in tried:
        assert 1e-4 <= each["learning_rate"] <= 1e-1
        assert float(f"{each['learning_rate']:.4g}") == each["learning_rate"]


def test_a_search_that_goes_on_is_the_one_that_was_not_interrupted(tmp_path):
    whole = run(opened(tmp_path / "whole"), 7)
    for trials in (0, 3, 2):
        study = opened(tmp_path / "log")
        run(study, trials)
        with pytest.raises(KeyboardInterrupt):
            study.run(START, interrupted)
    assert len(study.done()) == 5
    assert run(opened(tmp_path / "log"), 2) == whole
    other = run(opened(tmp_path / "other", seed=4), 7)
    assert other[0] == whole[0]
    assert other[1:] != whole[1:]


def test_a_trial_that_falls_behind_ends_early(tmp_path):
    def bad(tried, report):
        for stage in range(STAGES_PER_TRAINING):
            report(stage + 1, -1.0)
        return Outcome(1000.0, 1.0)

    study = opened(tmp_path / "log")
    run(study, 2)
    ended = study.run(START, bad)
    assert ended.env_steps is None
    assert 0 < ended.stages < STAGES_PER_TRAINING
    assert ended.episode_return == -1.0
    assert study.done()[-1] == ended
    assert study.best().episode_return > 0
    study = opened(tmp_path / "other", prune=False)
    run(study, 2)
    assert study.run(START, bad).stages == STAGES_PER_TRAINING


def test_no_trial_of_the_first_ones_ends_early(tmp_path):
    study = opened(tmp_path / "log", startup_trials=3)
    for value in (3.0, 2.0, 1.0):
        tried = []

        def falling(_, report, value=value, tried=tried):
            for stage in range(STAGES_PER_TRAINING):
                report(stage + 1, value)
                tried.append(stage)
            return Outcome(value, 1.0)

        study.run(START, falling)
        assert len(tried) == STAGES_PER_TRAINING


def test_best_of_equal_trials_took_the_fewest_steps(tmp_path):
    study = opened(tmp_path / "log")
    assert study.best() is None
    for value, steps in [(5.0, 30.0), (5.0, 20.0), (4.0, 10.0), (5.0, 25.0)]:
        study.run(START, returning(value, steps))
    best = study.best()
    assert (best.episode_return, best.env_steps) == (5.0, 20.0)


def test_a_trial_that_fails_is_done(tmp_path):
    def fail(tried, report):
        raise RuntimeError("not finite")

    study = opened(tmp_path / "log")
    ended = study.run(START, fail)
    assert (ended.failure, ended.episode_return) == ("not finite", None)
    assert study.best() is None
    (_, second) = run(study, 1)
    assert second.failure is None
    assert second.tried != START


def test_other_settings_are_another_search(tmp_path):
    run(opened(tmp_path / "log", {"env": "x", "seed": 1}), 1)
    with pytest.raises(CommandError, match="may differ from the settings") as e:
        opened(tmp_path / "log", {"env": "y", "seed": 1})
    assert "Received: env: 'y', not 'x'." in str(e.value)
    assert len(opened(tmp_path / "log", {"env": "x", "seed": 1}).done()) == 1


def test_a_file_of_something_else_is_refused(tmp_path):
    (tmp_path / "log").write_text("not a log\nof trials\n")
    with pytest.raises(CommandError, match="must be a folder of `keras-cem tu"):
        opened(tmp_path / "log")
