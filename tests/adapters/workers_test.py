import functools
import multiprocessing
import os
import signal
import textwrap
import types

import numpy as np
import pytest

from keras_cem.adapters import workers
from tests import processes, toy_envs

ACTIONS = np.zeros(2, np.int64)

# Where a worker fails, gymnasium tells it by a warning, with the traceback.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(
        r"ignore:.*(from Worker-\d|Traceback|back to the main process)"
    ),
]


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
    with processes.none_left():
        yield


def test_late_answer_is_blamed_and_no_later_call_gets_it(monkeypatch):
    env = start(toy_envs.Balky, step_timeout=processes.PATIENCE)
    try:
        env.reset(seed=[31, 32])
        step_async = env.step_async

        def until_the_first_has_answered(actions):
            # Only what hangs is late, however busy the machine is.
            step_async(actions)
            assert env.parent_pipes[0].poll(processes.PATIENCE)

        with monkeypatch.context() as patch:
            patch.setattr(env, "_step_timeout", 0.3)
            patch.setattr(env, "step_async", until_the_first_has_answered)
            with pytest.raises(
                workers.StepTimeoutError,
                match=r"no answer within step_timeout=0\.3 seconds",
            ) as error:
                env.step(ACTIONS)
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
            match="its process ended, killed by SIGKILL",
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
    env.close()
    for process in env.processes:
        process.join(processes.PATIENCE)
        # Neither came to its end by itself.
        assert process.exitcode in (-signal.SIGTERM, -signal.SIGKILL)


def test_close_that_is_interrupted_leaves_none(monkeypatch):
    env = start(toy_envs.Balky)
    env.reset(seed=[33, 32])
    env.step_async(ACTIONS)

    def interrupted(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(
            workers, "connection", types.SimpleNamespace(wait=interrupted)
        )
        with pytest.raises(KeyboardInterrupt):
            env.close()
    for process in env.processes:
        process.join(processes.PATIENCE)
        assert process.exitcode == -signal.SIGKILL


# Where it runs in the background, Ctrl-C is ignored.
_PROGRAM = """
    import keras, multiprocessing, signal
    import keras_cem as cem
    from tests import toy_envs

    class Report(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 0:
                print(len(multiprocessing.active_children()), flush=True)

    if __name__ == "__main__":
        signal.signal(signal.SIGINT, signal.default_int_handler)
        agent = cem.CEMAgent.from_env("ToySeeded-v0", hidden_units=(2,), seed=0)
        agent.compile("sgd")
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
    with processes.started(script) as process:
        assert process.stdout.readline() == "2\n"
        processes.end(process, number)
    assert process.returncode != 0


def test_environment_cannot_be_made_in_a_process_where_it_can_be_in_another():
    env = start(toy_envs.fail_in_worker, num_envs=1)
    try:
        with pytest.raises(
            RuntimeError,
            match="it could not be created in its process: MotorError: no "
            "display",
        ) as error:
            env.reset(seed=[31])
        assert error.value.sub_env == 0
    finally:
        env.close()


def test_processes_that_end_as_they_start():
    with pytest.raises(
        RuntimeError,
        match=r"ended while starting; see their output on stderr.*"
        r"`if __name__ == '__main__':`",
    ):
        start(functools.partial(_end_in_worker), num_envs=1)


def _end_in_worker():
    if multiprocessing.parent_process() is not None:
        os._exit(1)
    return toy_envs.Scripted()
