"""Train and test functions that play each batch with the current weights.

Keras prefetches every kind of dataset, so a dataset of trajectories would hold
episodes played with old weights. Here the dataset holds empty ticks. The train
function replaces each tick by a batch that it plays after the previous update.
"""

from collections.abc import Callable, Hashable, Iterator
from typing import Any

import tensorflow as tf

from keras_cem.engines.trajectories import Played
from keras_cem.saving import interrupts
from keras_cem.saving.epoch_progress import EpochProgress
from keras_cem.utils import activity
from keras_cem.utils.recent import Recent

# Keras' train or test function: takes an iterator of data and returns logs.
KerasFunction = Callable[[Iterator[Any]], Any]

# More ticks than any training consumes.
ENDLESS = 2**62


def ticks(size: int) -> tf.data.Dataset:
    """Returns a dataset of `size` elements; each is its own number."""
    return tf.data.Dataset.range(size)


def training_ticks(steps: int, steps_per_execution: int) -> dict[str, Any]:
    """Returns the data for Keras' `fit`, as keyword arguments.

    Keras creates a new iterator per epoch, which takes milliseconds. It does
    not if the data outlast all epochs. But then it runs whole executions only.

    Args:
        steps: Number of iterations per epoch.
        steps_per_execution: As given to `compile`.
    """
    if steps % steps_per_execution:
        return {"x": ticks(steps)}
    return {"x": ticks(ENDLESS), "steps_per_epoch": steps}


class CollectThenStep:
    """Keras' train or test function, with each tick replaced by a batch.

    Args:
        inner: Keras' function. It takes an iterator, pulls up to
            `steps_per_execution` batches from it and returns logs.
        collect: Returns the next batch.
        steps_per_execution: As given to `compile`.
        check: Called after each batch. Defaults to `None`.
    """

    def __init__(
        self,
        inner: KerasFunction,
        collect: Callable[[], Played],
        steps_per_execution: int,
        check: Callable[[], None] | None = None,
    ):
        self._inner = inner
        self._collect = collect
        self._steps_per_execution = steps_per_execution
        self._check = check

    def __call__(self, iterator: Iterator[Any]) -> Any:
        pulled = 0
        for _ in range(self._steps_per_execution):
            try:
                next(iterator)
            except (StopIteration, tf.errors.OutOfRangeError):
                break
            pulled += 1
        if not pulled:
            raise StopIteration
        for _ in range(pulled):
            interrupts.check()
            # One batch at a time, so that a failed check stops learning.
            logs = self._inner(iter([self._collect()]))
            if self._check is not None:
                self._check()
        return logs


class PlayInStep:
    """Keras' train or test function for steps that play in the graph.

    Args:
        inner: Keras' function, which gets the ticks.
        begin: Called before each execution.
        end: Called after each execution.
    """

    def __init__(
        self,
        inner: KerasFunction,
        begin: Callable[[], None],
        end: Callable[[], None],
    ):
        self._inner = inner
        self._begin = begin
        self._end = end

    def __call__(self, iterator: Iterator[Any]) -> Any:
        interrupts.check()
        self._begin()
        logs = self._inner(iterator)
        self._end()
        return logs


class Repeating:
    """Keras' train function, which skips executions done before a resume.

    Args:
        inner: The train function.
        progress: Returns the `EpochProgress` of the running `fit`, or None if
            no callback needs it.
        logs: Returns the logs of a skipped execution.
    """

    def __init__(
        self,
        inner: KerasFunction,
        progress: Callable[[], EpochProgress | None],
        logs: Callable[[], dict[str, Any]],
    ):
        self._inner = inner
        self._progress = progress
        self._logs = logs

    def __call__(self, iterator: Iterator[Any]) -> Any:
        progress = self._progress()
        if progress is None:
            return self._inner(iterator)
        if progress.repeats(iterator):
            return self._logs()
        logs = self._inner(iterator)
        progress.execution_ended()
        return logs


class FunctionPerSource:
    """Keras' train or test function, with one function per kind of data.

    There are two reasons for several functions. Keras creates variables, such
    as those of metrics, in the first call of a function only. And a step that
    plays in the graph is compiled for its environment.

    Args:
        key: Returns the key of the function to call.
        around: Returns Keras' function as one that plays.

    Attributes:
        functions: Keras' recently used functions by key.
    """

    def __init__(
        self,
        key: Callable[[], Hashable],
        around: Callable[[KerasFunction], KerasFunction],
    ):
        self.functions = Recent()
        self._key = key
        self._around = around
        # Keys of functions that were called, and so are compiled.
        self._called: set[Hashable] = set()

    def __call__(self, iterator: Iterator[Any]) -> Any:
        key = self._key()
        function: KerasFunction = self.functions[key]

        def announced(iterator: Iterator[Any]) -> Any:
            activity.report("learning" if key in self._called else "compiling")
            self._called.add(key)
            return function(iterator)

        return self._around(announced)(iterator)
