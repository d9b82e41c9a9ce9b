"""Progress of training: one line per epoch, and the work within it."""

import sys
import time
from typing import Any

import keras

from keras_cem.agent.progress_bar import StepRate
from keras_cem.callbacks import progress_table
from keras_cem.callbacks.environment_callback import EnvironmentCallback
from keras_cem.callbacks.live_line import LiveLine, open_line, width_of
from keras_cem.utils import activity
from keras_cem.utils.activity import Activity
from keras_cem.utils.printing import say

# Rows between two headers of the table.
_ROWS = 25


class Progress(EnvironmentCallback, keras.callbacks.ProgbarLogger):
    """Prints one line after each epoch, in the place of Keras' progress bar.

    A line shows the mean and the best return of the epoch, the mean greedy
    return of its validation, the threshold and the number of elites, epsilon,
    the loss, the environment steps so far, and the steps per second of playing
    and learning. In a terminal and in a notebook the lines are a table, and
    below them the current work is shown: compiling, playing with the number of
    episodes that have ended, learning, or validating. Elsewhere, such as in a
    file, each line names its values.

    Example:

    ```python
    agent.fit(env, callbacks=[keras_cem.callbacks.Progress()])
    ```

    Args:
        live: Whether to show the current work in terminals and notebooks.
            Defaults to `True`.
        quiet: Whether to print nothing and only measure the time. Defaults to
            `False`.
    """

    def __init__(self, live: bool = True, quiet: bool = False):
        super().__init__()
        self._is_live = live
        self._quiet = quiet
        self._line: LiveLine | None = None
        self._rows = 0
        self._rate = StepRate()
        self._where = (0, 0)
        self._validates = False
        self._started = time.perf_counter()
        self._before = 0.0

    def seconds(self) -> float:
        """Returns the total time in seconds, with that before a resume."""
        return self._before + time.perf_counter() - self._started

    def get_state(self) -> dict[str, float]:
        """Returns the state to store in a checkpoint."""
        return {"seconds": self.seconds()}

    def set_state(self, state: dict[str, float]) -> None:
        """Restores the time before the checkpoint."""
        self._before = state["seconds"]

    def set_params(self, params: dict[str, Any]) -> None:
        """Stores the parameters; Keras' bar stores only what it shows."""
        keras.callbacks.Callback.set_params(self, params)

    def on_train_begin(self, logs: Any = None) -> None:
        """Starts to show the work, until `fit` ends or raises."""
        super().on_train_begin(logs)
        self._rate = StepRate(int(self.model.env_steps))
        self._rows = 0
        if self._is_live and not self._quiet:
            self._line = open_line(sys.stdout)
        if self._line is not None:
            activity.listeners.append(self._show)
            self.model.run.during.callback(self._close)

    def on_train_end(self, logs: Any = None) -> None:
        """Removes the display of the work."""
        self._close()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts the clock of the epoch."""
        self._where = (epoch, 0)
        self._rate.begin()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Notes the number of the iteration."""
        self._where = (self._where[0], batch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Stops the clock of the epoch before validation starts."""
        self._rate.stop()

    def on_test_begin(self, logs: Any = None) -> None:
        """Shows that validation starts."""
        self._validates = True

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Leaves the logs of validation to the epoch's line."""

    def on_test_end(self, logs: Any = None) -> None:
        """Leaves the logs of validation to the epoch's line."""
        self._validates = False

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Prints the epoch's line."""
        rate = self._rate.end(int(logs["env_steps"]))
        if self._quiet:
            return
        values = progress_table.values(logs, rate, self.seconds())
        which = (epoch + 1, self.params["epochs"])
        width = width_of(sys.stdout)
        if width is None:
            self._print(progress_table.labelled(*which, values))
            return
        if self._rows % _ROWS == 0:
            self._print(progress_table.header(values, width))
        self._rows += 1
        self._print(progress_table.row(*which, values, width))

    def _print(self, text: str) -> None:
        if self._line is None:
            say(text)
        else:
            self._line.print(text)

    def _show(self, now: Activity) -> None:
        epoch, batch = self._where
        where = f"epoch {epoch + 1}/{self.params['epochs']}"
        steps = self.params["steps"] or 1
        if steps > 1 and not self._validates:
            where += f", iteration {batch + 1}/{steps}"
        if self._validates and now.doing != "compiling":
            doing = "validating"
            now = Activity(doing, now.done, now.total, now.env_steps)
        if self._line is not None:
            self._line.show(where, now)

    def _close(self) -> None:
        if self._line is not None:
            activity.listeners.remove(self._show)
            self._line.close()
            self._line = None
