import functools
import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from keras_cem.adapters import workers
from tests import toy_envs

ROOT = pathlib.Path(__file__).resolve().parents[2]
ACTIONS = np.zeros(2, np.int64)

# Where a worker fails, gymnasium tells it by a warning, with the traceback.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:.*(from Worker-\d|Traceback|back to the main process)"
)


def start(make, num_envs=2, step_timeout=None):
    like = toy_envs.Scripted
    return workers.start(
        make,
        num_envs,
        like.observation_space,
        like.action_space,
        step_timeout,
    )


@pytest.fixture(autouse=True)
def no_process_left():
    before = set(multiprocessing.active_children())
    yield
    assert set(multiprocessing.active_children()) == before


def test_late_answer_is_blamed_and_no_later_call_gets_it():
    env = start(toy_envs.Balky, step_timeout=0.3)
    try:
        env.reset(seed=[31, 32])
        began = time.monotonic()
        with pytest.raises(
            workers.StepTimeoutError,
            match=r"no answer within step_timeout=0\.3 seconds",
        ) as error:
            env.step(ACTIONS)
        assert time.monotonic() - began < 5.0
        assert error.value.sub_env == 1
        # What gymnasium would do is to take the answers to the step that timed
        # out for those to the next one. Here the late one is gone for good.
        with pytest.raises(workers.ProcessError, match="killed by SIGKILL"):
            env.step(ACTIONS)
    finally:
        env.close()


def test_process_that_is_killed_is_blamed():
    env = start(toy_envs.Scripted)
    try:
        env.reset(seed=[31, 32])
        os.kill(env.processes[1].pid, signal.SIGKILL)
        with pytest.raises(
            workers.ProcessError,
            match="its process has ended, killed by SIGKILL",
        ) as error:
            env.step(ACTIONS)
        assert error.value.sub_env == 1
    finally:
        env.close()


def test_close_ends_what_hangs(monkeypatch):
    monkeypatch.setattr(workers, "CLOSE_SECONDS", 0.3)
    env = start(toy_envs.Balky)
    env.reset(seed=[33, 32])
    # The second is in the middle of a step and deaf; the first hangs in its
    # own `close`.
    env.step_async(ACTIONS)
    began = time.monotonic()
    env.close()
    assert time.monotonic() - began < 5.0
    assert not any(process.is_alive() for process in env.processes)


_PROGRAM = """
    import os, signal, sys, threading
    import keras_cem as cem
    from tests import toy_envs

    if __name__ == "__main__":
        agent = cem.CEMAgent.from_env("ToySeeded-v0", hidden_units=(2,), seed=0)
        agent.compile("sgd")
        import multiprocessing, keras

        class Report(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                if epoch == 0:
                    workers = multiprocessing.active_children()
                    print(*(worker.pid for worker in workers), flush=True)

        agent.fit(
            "ToySeeded-v0", batch_size=4, epochs=1000000, verbose=0,
            callbacks=[Report()], num_envs=2, vectorization_mode="async",
        )
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_process_is_left_where_training_is_ended_from_outside(
    tmp_path, number
):
    script = tmp_path / "train.py"
    script.write_text(textwrap.dedent(_PROGRAM))
    with subprocess.Popen(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        pids = [int(pid) for pid in process.stdout.readline().split()]
        assert len(pids) == 2
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode != 0
    until = time.monotonic() + 20
    while any(map(_exists, pids)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(_exists, pids))


def _exists(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_environment_cannot_be_made_in_a_process_where_it_can_be_in_another():
    env = start(toy_envs.fail_in_worker, num_envs=1)
    try:
        with pytest.raises(
            RuntimeError,
            match="it could not be made in its process: MotorError: no display",
        ) as error:
            env.reset(seed=[31])
        assert error.value.sub_env == 0
    finally:
        env.close()


def test_processes_that_end_as_they_start():
    with pytest.raises(
        RuntimeError,
        match=r"ended as they started; what they wrote on stderr says why.*"
        r"`if __name__ == '__main__':`",
    ):
        start(functools.partial(_end_in_worker), num_envs=1)


def _end_in_worker():
    if multiprocessing.parent_process() is not None:
        os._exit(1)
    return toy_envs.Scripted()
