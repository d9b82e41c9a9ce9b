"""Workers on Ray, in a network of its own: `cases` has the tests.

Ray would listen on all addresses of this machine.
"""

import pathlib
import subprocess
import sys
import time

import pytest

from keras_cem.adapters.ray import session, workers
from keras_cem.engines.remote.chunks import WorkerLostError
from keras_cem.utils import addresses
from tests.loopback import DENIED

ROOT = pathlib.Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.slow


def _isolated(*command, seconds):
    done = subprocess.run(
        [sys.executable, "-m", "tests.loopback", sys.executable, *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    if done.returncode == DENIED:
        pytest.skip("this machine allows no network of its own (unshare -n)")
    return done


def test_only_losses_in_a_row_end_a_training(monkeypatch):
    """A long training may lose many workers, if others play meanwhile."""
    pool = workers.Workers(1)
    lost = WorkerLostError("gone")
    monkeypatch.setattr(
        pool, "_start_one", lambda: pool.actors.update({0: "actor"})
    )
    monkeypatch.setattr(session.ray, "get", lambda ticket: ticket)
    playing = object.__new__(session.RaySession)
    playing._workers = pool
    pool.actors[0] = "actor"
    for _ in range(3 * workers.LOSSES_PER_WORKER):
        pool.replace(0, lost)
        assert playing.result("played") == "played"
    for _ in range(workers.LOSSES_PER_WORKER):
        pool.replace(0, lost)
    with pytest.raises(RuntimeError, match="4 workers in a row were lost"):
        pool.replace(0, lost)
    # Not even to end a worker, outside of a network of its own.
    assert not session.ray.is_initialized()


def test_cases():
    cases = "tests/adapters/ray/cases.py"
    done = _isolated(
        "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", cases,
        seconds=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


# Ctrl-C and SIGTERM end `fit` as without workers.
ENDS = """
import os, signal, threading
import keras
import keras_cem as cem

agent = cem.CEMAgent.from_env("CartPole-v1", hidden_units=(), seed=0)
agent.compile("sgd")
signal.signal(signal.SIGTERM, signal.default_int_handler)

class Stop(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            print("playing", flush=True)
            os.kill(os.getpid(), signal.SIGTERM)

try:
    agent.fit(
        "CartPole-v1", engine="host", num_envs=2, batch_size=4, epochs=10**6,
        workers=1, verbose=0, callbacks=[Stop()],
    )
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_nothing_is_left_after_a_signal():
    before = _processes_of_ray()
    done = _isolated("-c", ENDS, seconds=300)
    assert done.stdout.split() == ["playing", "interrupted"], done.stderr
    end = time.monotonic() + 10
    while left := _processes_of_ray() - before:
        assert time.monotonic() < end, left
        time.sleep(0.5)


def _processes_of_ray():
    found = set()
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_text().replace("\0", " ")
        except OSError:
            continue
        if "raylet" in line or line.startswith("ray::"):
            found.add((path.parent.name, line))
    return found


@pytest.mark.parametrize("address", ["127.0.0.1:9", "no-such-host.invalid:1"])
def test_address_that_does_not_answer(address):
    begin = time.monotonic()
    with pytest.raises(ConnectionError, match=address):
        addresses.check(address, "Start it.")
    assert time.monotonic() - begin < 10


@pytest.mark.parametrize("address", ["somewhere", "ray://here:10001", "a:b"])
def test_what_is_no_address(address):
    with pytest.raises(ValueError, match="host:port"):
        addresses.check(address, "Start it.")
