"""Ctrl-C of a `keras-cem train` that plays slowly, and the way to go on.

SIGTERM to a process is tested in flags/resuming_test.py, in the midst of a step
in tests/callbacks/interrupted_epoch_test.py.
"""

import json
import signal
import time

import pytest

from keras_cem.cli.main import main
from tests import processes
from tests.cli import slow_env

pytestmark = pytest.mark.slow

RUN = (
    "import signal, sys, tests.cli.slow_env; "
    "from keras_cem.cli.main import main; "
    # It is ignored where the tests run in the background.
    "signal.signal(signal.SIGINT, signal.default_int_handler); "
    "sys.exit(main(sys.argv[1:]))"
)
FLAGS = (
    f"--env={slow_env.ENV}",
    "--nopreset",
    "--engine=host",
    "--batch_size=2",
    "--hidden_units=4",
    "--epochs=2",
    "--seed=3",
    # 40 s for all of them.
    "--validation_episodes=400",
    "--episodes=2",
    "--noplot",
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The same run without a signal."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert main(["train", *FLAGS, f"--output={folder}"]) == 0
    return folder


def test_slow_validation_is_broken_off_and_gone_on_with(
    whole, tmp_path, monkeypatch
):
    """Training takes 10 steps; the 40th is one of the first validation."""
    folder = tmp_path / "run"
    monkeypatch.setenv(slow_env.SLOW, "1")
    arguments = ["-c", RUN, "train", *FLAGS, f"--output={folder}"]
    with processes.started(*arguments) as process:
        for line in process.stdout:
            if line.strip() == slow_env.SAYS:
                break
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=processes.PATIENCE)
        took = time.monotonic() - began
    assert process.returncode == 128 + signal.SIGINT, errors
    assert "SIGINT: finishing the epoch" in errors
    assert f"keras-cem train --resume --output={folder}" in errors
    assert "Traceback" not in errors
    (left,) = (folder / "checkpoints").iterdir()
    state = json.loads((left / "state.json").read_text())
    # The iteration was whole, its validation was not.
    assert (state["epochs"], state["executions"]) == (0, 1)
    assert took < 30.0

    monkeypatch.delenv(slow_env.SLOW)
    assert main(["train", "--resume", f"--output={folder}"]) == 0
    for name in ("history.csv", "returns.json"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()
    results = [
        json.loads((path / "results.json").read_text())["episode_returns"]
        for path in (folder, whole)
    ]
    assert results[0] == results[1]
