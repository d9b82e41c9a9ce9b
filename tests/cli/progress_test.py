"""The line of an epoch."""

import types

from keras_cem.cli import progress

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
