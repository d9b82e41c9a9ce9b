"""The line of an epoch."""

import json
import sys
import types

import pytest

from keras_cem.cli.main import main
from keras_cem.cli.training import progress
from tests.cli import small_run

pytestmark = pytest.mark.slow

LOGS = {
    "episode_return": 1.0,
    "episode_return_max": 2.0,
    "elite_threshold": 1.5,
    "num_elites": 3.0,
    "epsilon": 0.5,
    "loss": 0.1,
    "val_episode_return": 4.0,
}


def test_steps_a_second_are_of_playing_and_learning_alone(monkeypatch, capsys):
    now = [100.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    line = progress.ProgressLine()
    line.set_params({"epochs": 2})
    # A resumed run has steps already.
    line.set_model(types.SimpleNamespace(env_steps=5000))
    line.on_train_begin()
    for epoch, (steps, seconds) in enumerate([(7000, 2.0), (16_000, 1.0)]):
        line.on_epoch_begin(epoch)
        for batch in range(2):
            now[0] += seconds / 2
            line.on_train_batch_end(batch)
        # Validation.
        now[0] += 50
        line.on_epoch_end(epoch, {**LOGS, "env_steps": steps})
    first, second = capsys.readouterr().out.splitlines()
    assert "1,000 steps/s" in first
    assert " 9,000 steps/s" in second
    assert second.endswith("103.0 s")


SMALL = [
    *small_run.SMALL,
    "--validation_episodes=2",
    "--episodes=2",
    "--noplot",
]


@pytest.mark.parametrize("terminal", [True, False])
def test_bar_is_for_terminals_unless_asked_for(terminal, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    have = {kind: progress.has_bar(kind) for kind in progress.KINDS}
    assert have == {
        "auto": terminal,
        "bar": True,
        "line": False,
        "none": False,
    }


@pytest.mark.parametrize("kind", ["bar", "none"])
def test_bar_or_nothing_is_seen_instead_of_lines(kind, tmp_path, capsys):
    folder = tmp_path / "run"
    flags = [*SMALL, f"--progress={kind}", f"--output={folder}"]
    assert main(["train", *flags]) == 0
    printed = capsys.readouterr().out
    assert "epoch    1/2" not in printed
    assert ("Epoch 2/2" in printed) == (kind == "bar")
    assert ("env_steps_per_second: " in printed) == (kind == "bar")
    assert "Greedy return over 2 episodes" in printed
    # The time is known in any case, and no run is another for what was seen.
    assert json.loads((folder / "results.json").read_text())["wall_seconds"] > 0
    config = json.loads((folder / "config.json").read_text())
    assert "progress" not in config["flags"]
