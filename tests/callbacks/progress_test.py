"""The line of an epoch, and the work within it."""

import contextlib
import io
import types

import keras
import pytest

import keras_cem as cem
from keras_cem.callbacks import live_line, progress, progress_table
from keras_cem.utils import activity
from keras_cem.utils.activity import Activity
from tests.helpers import fit_briefly

LOGS = {
    "episode_return": 1.0,
    "episode_return_max": 2.0,
    "elite_threshold": 1.5,
    "num_elites": 3.0,
    "epsilon": 0.5,
    "loss": 0.1,
    "val_episode_return": 4.0,
    "env_steps": 1000,
}


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Notebook(io.StringIO):
    """As the standard output of a Jupyter kernel."""


Notebook.__module__ = "ipykernel.iostream"


@pytest.fixture
def terminal(monkeypatch):
    """What is printed in this context goes to a terminal of 80 columns."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    # A context, because pytest sets the standard output after the fixtures.
    return lambda: contextlib.redirect_stdout(Terminal())


def test_steps_a_second_are_of_playing_and_learning_alone(monkeypatch, capsys):
    now = [100.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    line = progress.Progress()
    line.set_params({"epochs": 2, "steps": 2})
    # A resumed run has steps already.
    run = types.SimpleNamespace(during=contextlib.ExitStack())
    line.set_model(types.SimpleNamespace(env_steps=5000, run=run))
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


@pytest.mark.parametrize("width", [80, 100])
def test_rows_fit(width):
    values = progress_table.values({**LOGS, "critic_loss": 1.0}, 9.9e6, 1e5)
    values["return"] = -123456.789
    values["loss"] = 1e9
    lines = [
        progress_table.header(values, width),
        progress_table.row(999, 1000, values, width),
    ]
    assert len(lines[0]) == len(lines[1])
    assert width - 21 < len(lines[0]) < width
    assert ("seconds" in lines[0]) == (width == 100)
    assert lines[1].split()[:4] == ["999", "-123457", "2.00", "4.00"]
    values["greedy"] = None
    assert len(progress_table.row(9, 9, values, width)) == len(lines[0])


def test_values_of_a_file_have_names():
    values = progress_table.values({**LOGS, "critic_loss": 1.0}, 2.0, 3.0)
    assert progress_table.labelled(1, 2, values) == (
        "epoch    1/2  return      1.00  best      2.00  greedy      4.00  "
        "threshold      1.50  elites    3  epsilon 0.500  loss      0.100  "
        "critic loss    1.000  steps      1,000          2 steps/s      3.0 s"
    )


@pytest.mark.slow
def test_terminal_has_a_table_and_the_work(terminal):
    with terminal() as stream:
        fit_briefly(callbacks=[cem.callbacks.Progress()])
    printed = stream.getvalue()
    assert printed.count("return    best  greedy threshold elites") == 1
    assert " 1/2 " in printed
    assert " 2/2 " in printed
    assert "compiling ..." in printed
    assert activity.listeners == []


def test_no_other_bar_is_beside_it(capsys):
    fit_briefly(callbacks=[cem.callbacks.Progress()], verbose=1)
    printed = capsys.readouterr().out
    assert printed.count("epoch    1/2  return") == 1
    assert "Epoch 1/2" not in printed
    assert "compiling" not in printed


def test_work_is_gone_after_an_exception(terminal):
    def fail(epoch, logs):
        raise RuntimeError("enough")

    failing = keras.callbacks.LambdaCallback(on_epoch_end=fail)
    with terminal(), pytest.raises(RuntimeError, match="enough"):
        fit_briefly(callbacks=[cem.callbacks.Progress(), failing])
    assert activity.listeners == []


def test_it_is_for_environments():
    line = progress.Progress()
    line.set_model(keras.Sequential())
    with pytest.raises(RuntimeError, match="`Progress` must be used with"):
        line.on_train_begin()


def test_notebook_writes_over_the_work(monkeypatch):
    stream = Notebook()
    line = live_line.open_line(stream)
    line.show("epoch 1/2", Activity("playing", 3, 16, 1234))
    line.show("epoch 1/2", Activity("playing", 4, 16, 1240))
    line.print("a line")
    line.show("epoch 2/2", Activity("compiling"))
    line.close()
    first = "epoch 1/2  playing ... 3/16 episodes, 1,234 steps"
    second = "epoch 2/2  compiling ... "
    assert stream.getvalue() == (
        f"\r{first}\r{' ' * len(first)}\ra line\n"
        f"\r{second}\r{' ' * len(second)}\r"
    )
    assert live_line.width_of(stream) == 100


def test_file_has_no_live_line():
    assert live_line.open_line(io.StringIO()) is None
    assert live_line.width_of(io.StringIO()) is None
    with live_line.showing(io.StringIO(), "final evaluation"):
        assert activity.listeners == []


def test_played_episodes_are_counted(monkeypatch):
    monkeypatch.setattr(activity, "INTERVAL", 0.0)
    seen = []
    agent = cem.CEMAgent.from_env("CartPole-v1", hidden_units=(), seed=0)
    monkeypatch.setattr(activity, "listeners", [seen.append])
    played = agent.collect("CartPole-v1", 4, engine="host")
    assert {each.doing for each in seen} == {"playing"}
    assert seen[-1].total == 4
    counts = [each.done for each in seen]
    assert counts == sorted(counts)
    assert counts[0] == 0
    steps = [each.env_steps for each in seen]
    assert steps == sorted(steps)
    assert steps[-1] < played.mask.sum()
