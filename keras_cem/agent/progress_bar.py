"""Keras' progress bar, with environment steps a second."""

from typing import Any

import keras

from keras_cem.agent.step_rate import StepRate


class ProgressBar(keras.callbacks.ProgbarLogger):
    """Keras' bar, which shows `env_steps_per_second` beside what it shows.

    These are steps of playing and learning; validation takes no part in it.
    History does not have them, which would be other ones each time.
    """

    def on_train_begin(self, logs: Any = None) -> None:
        """Takes note of the steps that the agent has done in its life."""
        super().on_train_begin(logs)
        self._rate = StepRate(int(self.model.env_steps))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts the clock of the epoch."""
        super().on_epoch_begin(epoch, logs)
        self._rate.begin()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Shows what the iterations of the epoch came to so far."""
        self._rate.stop()
        steps = int(logs["env_steps"])
        super().on_train_batch_end(batch, _with(logs, self._rate.so_far(steps)))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Shows what the epoch came to."""
        rate = self._rate.end(int(logs["env_steps"]))
        super().on_epoch_end(epoch, _with(logs, rate))


def _with(logs: dict[str, Any], rate: float) -> dict[str, Any]:
    return {**logs, "env_steps_per_second": rate}
