"""Feeding Keras batches that are collected only when they are due.

Keras peeks at and prefetches every kind of dataset, so that data would be
collected with weights from some updates ago. Here the dataset holds ticks,
which carry nothing; each tick is swapped for a batch collected after the
previous update returned, inside the train function.
"""

from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from keras_cem.saving import interrupts
from keras_cem.utils.recent import Recent

# More ticks than are ever pulled.
ENDLESS = 2**62


def ticks(size: int) -> tf.data.Dataset:
    """Returns a dataset of `size` elements, which are but their numbers."""
    return tf.data.Dataset.range(size)


def training_ticks(steps: int, steps_per_execution: int) -> dict[str, Any]:
    """Returns the data of Keras' `fit`, as arguments.

    Keras makes an iterator anew for each epoch, which takes milliseconds,
    unless the data outlast all epochs. But of data that do, it takes whole
    executions only.

    Args:
        steps: Iterations an epoch.
        steps_per_execution: As given to `compile`.
    """
    if steps % steps_per_execution:
        return {"x": ticks(steps)}
    return {"x": ticks(ENDLESS), "steps_per_epoch": steps}


class OnDemand:
    """Keras' train or test function, with each tick swapped for a batch.

    Args:
        inner: Keras' function. Takes an iterator, pulls `steps_per_execution`
            batches off it, one after the other, and returns logs.
        collect: Returns the next batch.
        steps_per_execution: As given to `compile`.
        check: Called after each batch. Defaults to `None`.
    """

    def __init__(
        self,
        inner: Callable[[Iterator[Any]], Any],
        collect: Callable[[], Any],
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
            # One at a time, so that nothing is learned after a failed check.
            logs = self._inner(iter([self._collect()]))
            if self._check is not None:
                self._check()
        return logs


class InGraph:
    """Keras' train or test function, for steps that play by themselves.

    Args:
        inner: Keras' function. It is given the ticks.
        begin: Called before each execution.
        end: Called after it.
    """

    def __init__(
        self,
        inner: Callable[[Iterator[Any]], Any],
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
    """Keras' train function, that does not play what was played before.

    Args:
        inner: The train function.
        progress: Returns the `EpochProgress` of the running `fit`, or None if
            nobody wants to know.
        logs: Returns what `inner` returned.
    """

    def __init__(
        self,
        inner: Callable[[Iterator[Any]], Any],
        progress: Callable[[], Any],
        logs: Callable[[], Any],
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


class Either:
    """Keras' train or test function: one for each kind of data.

    They are several because what Keras makes in the first call of one, such as
    the variables of metrics, must not be made in a later call; and because a
    step that plays by itself is compiled for its environment.

    Args:
        kind: Tells which of them is due.

    Attributes:
        functions: By what `kind` returns; those used last.
    """

    def __init__(self, kind: Callable[[], Any]):
        self.functions = Recent()
        self._kind = kind

    def __call__(self, iterator: Iterator[Any]) -> Any:
        return self.functions[self._kind()](iterator)
