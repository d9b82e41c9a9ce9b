"""Validates so rarely that training takes most of the time."""

import time
from typing import Any

import keras

from keras_cem.utils.printing import say

# Greedy episodes per validation, and largest part of the time of training that
# validation may take, unless flags say otherwise.
EPISODES, SHARE = 10, 0.2
# Seconds that all validations may take in any case. The first one compiles, and
# an easy environment is solved before training has taken long.
ALLOWED_SECONDS = 5.0


class ValidationShare(keras.callbacks.Callback):
    """Decides after which epochs `fit` validates, by the measured times.

    It validates after the first and the last epoch, and in between when the
    time of all validations, the next included, is at most `SHARE` of the time
    of training, or at most `ALLOWED_SECONDS`. With the same seed, two runs may
    therefore validate after different epochs. A checkpoint stores the times.

    Args:
        clock: Function that returns the time in seconds.

    Attributes:
        validation_freq: The argument of `fit`.
    """

    def __init__(self, clock: Any = time.perf_counter):
        super().__init__()
        self.validation_freq = _Due(self)
        self._clock = clock
        self._since = 0.0
        self._training = 0.0
        self._validation = 0.0
        self._count = 0
        self._has_said = False

    def get_state(self) -> dict[str, float]:
        """Returns the state to store in a checkpoint."""
        return {
            "training": self._training,
            "validation": self._validation,
            "count": self._count,
        }

    def set_state(self, state: dict[str, float]) -> None:
        """Restores the times before the checkpoint."""
        self._training = state["training"]
        self._validation = state["validation"]
        self._count = int(state["count"])

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts the clock."""
        self._since = self._clock()

    def on_test_begin(self, logs: Any = None) -> None:
        """Starts the clock of a validation."""
        self._since = self._clock()

    def on_test_end(self, logs: Any = None) -> None:
        """Adds the time of a validation."""
        self._validation += self._clock() - self._since
        self._count += 1

    def is_due(self, epoch: int) -> bool:
        """Whether to validate after an epoch that has just been trained.

        Args:
            epoch: Number of the epoch, from 1.
        """
        self._training += self._clock() - self._since
        if not self._count or epoch == self.params["epochs"]:
            return True
        one = self._validation / self._count
        allowed = max(SHARE * self._training, ALLOWED_SECONDS)
        if self._validation + one <= allowed:
            return True
        if not self._has_said:
            self._has_said = True
            each = self._training / epoch
            say(
                f"A validation takes {one:.1f} s, an epoch of training "
                f"{each:.1f} s. So that validation takes at most "
                f"{SHARE:.0%} of the time of training, it runs about every "
                f"{max(2, one / (SHARE * each)):.0f} epochs. --validation_freq "
                "and --validation_episodes overrule."
            )
        return False


class _Due(list[int]):
    """The epochs to validate after, which Keras takes as a list."""

    def __init__(self, share: ValidationShare):
        super().__init__()
        self._share = share

    def __contains__(self, epoch: object) -> bool:
        return isinstance(epoch, int) and self._share.is_due(epoch)
