"""A trial: its settings, its trainings, its worth."""

import json

import keras
import pytest

from keras_cem.cli import presets
from keras_cem.cli.flags import preset
from keras_cem.cli.tuning import trial
from keras_cem.cli.tuning.trial import STAGES_PER_TRAINING, StageReporter
from tests.cli.parsing import parsed

pytestmark = pytest.mark.slow

SMALL = [
    "--engine=host",
    '--fit_kwargs={"jit_compile": false}',
    "--max_episode_steps=10",
    "--batch_size=4",
    "--hidden_units=4",
    "--validation_episodes=2",
    "--episodes=3",
    "--epochs=2",
]


def reported(epochs, returns):
    """What is reported of validations that return these."""
    found = []
    reporter = StageReporter(epochs, lambda *given: found.append(given))
    for epoch, value in enumerate(returns):
        reporter.on_epoch_end(epoch, {"val_episode_return": value})
    before = len(found)
    reporter.on_train_end()
    return found, before


@pytest.mark.parametrize("epochs", [1, 3, STAGES_PER_TRAINING, 47])
def test_trainings_of_any_length_have_the_same_stages(epochs):
    found, before = reported(epochs, range(epochs))
    assert [stages for stages, _ in found] == list(
        range(1, STAGES_PER_TRAINING + 1)
    )
    assert before == STAGES_PER_TRAINING
    for stages, value in found:
        # That of the epoch in which the stage ended.
        assert value == -(-stages * epochs // STAGES_PER_TRAINING) - 1


def test_best_so_far_is_reported():
    found, _ = reported(
        STAGES_PER_TRAINING, [3.0, 1.0, 4.0, *[0.0] * (STAGES_PER_TRAINING - 3)]
    )
    assert [value for _, value in found] == [
        3.0,
        3.0,
        *[4.0] * (STAGES_PER_TRAINING - 2),
    ]


def test_a_training_that_stops_early_reports_the_stages_left():
    found, before = reported(STAGES_PER_TRAINING, [3.0, 5.0])
    assert before == 2
    assert found == [
        (1, 3.0),
        *((s, 5.0) for s in range(2, STAGES_PER_TRAINING + 1)),
    ]


def test_as_many_episodes_are_played_whatever_the_batch_size():
    values = parsed(
        "--epochs=100",
        "--batch_size=100",
        "--epsilon_steps=90",
        "--learning_rate_decay_steps=80",
    )
    settled = trial.settled(values, {"batch_size": 50}, (), 10_000)
    assert (settled.batch_size, settled.epochs) == (50, 200)
    # The schedules are stretched with it.
    assert settled.epsilon_steps == 180
    assert settled.learning_rate_decay_steps == 160
    settled = trial.settled(values, {}, (), 10_000)
    assert (settled.epochs, settled.epsilon_steps) == (100, 90)
    settled = trial.settled(
        values, {"batch_size": 50}, {"epochs", "epsilon_steps"}, 10_000
    )
    assert (settled.epochs, settled.epsilon_steps) == (100, 90)
    assert trial.settled(values, {"batch_size": 50}, (), 10).epochs == 1


def test_there_is_no_age_without_a_memory():
    tried = {"elite_memory": None, "elite_memory_age": 5}
    assert trial.settled(parsed(), tried, (), 10).agent_kwargs == {}
    tried["elite_memory"] = 20
    assert trial.settled(parsed(), tried, (), 10).agent_kwargs == {
        "elite_memory": 20,
        "elite_memory_age": 5,
    }


def test_preset_has_what_is_not_as_by_default(tmp_path):
    values = parsed("--seed=4", "--engine=host", "--stop_at=3", "--episodes=7")
    tried = {
        "hidden_units": "64,32",
        "batch_size": 16,
        "learning_rate": 0.003,
        "minibatch_size": None,
        "normalize_observations": True,
    }
    made = trial.as_preset(trial.settled(values, tried, (), 160))
    assert made == {
        "epochs": 10,
        "hidden_units": [64, 32],
        "learning_rate": 0.003,
        "normalize_observations": True,
        "stop_at": 3.0,
    }
    assert presets.parse(json.dumps(made), "preset") == made
    (tmp_path / "preset.json").write_text(json.dumps(made))
    taken = parsed(f"--preset={tmp_path / 'preset.json'}")
    preset.take_settings(taken)
    assert trial.as_preset(taken) == made


def test_outcome_is_the_mean_of_trainings_with_seeds_of_their_own():
    values = parsed(*SMALL)
    reports = []
    outcome = trial.play(values, 2, lambda *given: reports.append(given))
    assert [stages for stages, _ in reports] == list(
        range(1, 2 * STAGES_PER_TRAINING + 1)
    )
    # Of episodes of 10 steps at most.
    assert 1 <= outcome.episode_return <= 10
    assert 2 * 4 <= outcome.env_steps <= 2 * 4 * 10
    seeds = []
    for seed in (0, 1):
        agent = trial.from_flags.agent(parsed(*SMALL, f"--seed={seed}"))
        history = agent.fit(
            callbacks=[
                *trial.from_flags.callbacks(values, None),
                keras.callbacks.EarlyStopping(
                    "val_episode_return",
                    mode="max",
                    patience=9,
                    restore_best_weights=True,
                ),
            ],
            verbose=0,
            **trial.from_flags.fit_arguments(values),
        )
        seeds.append(max(history.history["val_episode_return"]))
        returns = agent.collect(
            "CartPole-v1", 3, seed=2, **trial.from_flags.host_arguments(values)
        ).returns
        seeds.append(float(returns.mean()))
    assert outcome.episode_return == pytest.approx((seeds[1] + seeds[3]) / 2)
    assert reports[STAGES_PER_TRAINING - 1][1] == pytest.approx(seeds[0])
    assert reports[-1][1] == pytest.approx((seeds[0] + seeds[2]) / 2)


def test_what_a_report_raises_ends_the_training():
    def report(stages, value):
        if stages == 10:
            raise LookupError(stages)

    with pytest.raises(LookupError, match="10"):
        trial.play(parsed(*SMALL), 1, report)
