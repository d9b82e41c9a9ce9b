"""CartPole that goes wrong a given number of times, in its own process.

Workers import this, so it imports neither TensorFlow nor keras_cem.
"""

import os
import pathlib
import signal
import sys
import time

import gymnasium
import numpy as np

ENV = "CartPole-v1"


def raise_error():
    """An ordinary exception."""
    raise ValueError("the motor is off")


def raise_unpicklable():
    """An exception of a class that no other process knows."""

    class LocalError(Exception):
        pass

    raise LocalError("the motor is off")


def exit_quietly():
    """What a library does that gives up."""
    sys.exit(1)


def exit_at_once():
    """What native code does that gives up."""
    os._exit(3)


def killed():
    """What the system does that is short of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def hang():
    """What a simulator does that waits for a lost answer."""
    time.sleep(3600)


# How sub-environments go wrong, and whether they can in the trainer's process.
FAULTS = {
    "raises": (raise_error, True),
    "raises what cannot be pickled": (raise_unpicklable, True),
    "sys.exit": (exit_quietly, False),
    "os._exit": (exit_at_once, False),
    "killed": (killed, False),
    "hangs": (hang, False),
}


class Faulty(gymnasium.Wrapper):
    """Goes wrong in some episodes, as their seeds have it, each time once.

    Args:
        kind: A key of `FAULTS`.
        call: `"reset"`, or `"step"`: one of the first eight.
        folder: Where a file is left for each fault, so that all processes know
            how many there were.
        times: How often at most.
    """

    def __init__(self, kind: str, call: str, folder: str, times: int):
        super().__init__(gymnasium.make(ENV, disable_env_checker=True))
        self._fault = FAULTS[kind][0]
        self._call = call
        self._folder = pathlib.Path(folder)
        self._times = times

    def reset(self, *, seed=None, options=None):
        numbers = np.random.default_rng(seed)
        chosen = seed is not None and numbers.uniform() < 0.3
        self._left = int(numbers.integers(8)) if chosen else -1
        self._name = str(seed)
        if self._call == "reset" and chosen:
            self._perhaps()
        return self.env.reset(seed=seed, options=options)

    def step(self, action):
        if self._call == "step" and self._left == 0:
            self._perhaps()
        self._left -= 1
        return self.env.step(action)

    def _perhaps(self) -> None:
        file = self._folder / self._name
        if file.exists() or len(list(self._folder.iterdir())) >= self._times:
            return
        file.touch()
        self._fault()
