"""Stops training once a second evaluation confirms the return."""

import math
from typing import Any, Unpack

from keras_cem.callbacks import StopOnEpisodeReturn
from keras_cem.engines.playing import Playing
from keras_cem.prng import MAX_SEED


class ConfirmedStop(StopOnEpisodeReturn):
    """Stops when a validation and a second evaluation reach the threshold.

    The best of many validations is partly luck. If a validation reaches the
    threshold, this callback plays the same number of episodes from other start
    states. Training stops if their mean return minus its standard error is at
    least the threshold. Their mean also replaces `val_episode_return` in the
    logs, for later callbacks too. If not confirmed, it is kept below the
    threshold.

    Args:
        threshold: The return to reach.
        env: Environment of the second evaluation.
        episodes: Number of episodes of the second evaluation.
        **playing: How to play, as in `CEMAgent.fit`.
    """

    def __init__(
        self,
        threshold: float,
        env: Any,
        episodes: int,
        **playing: Unpack[Playing],
    ):
        super().__init__(threshold)
        self._env = env
        self._episodes = episodes
        self._playing = playing

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Confirms a validation that reached the threshold."""
        # Not every epoch has a validation.
        if logs.get(self.monitor, -math.inf) < self.threshold:
            return
        returns = self.model.collect(
            self._env,
            self._episodes,
            # The agent's own seed is left to the final evaluation: no decision
            # may depend on the episodes of that evaluation.
            seed=(self.model.seed + 1) % (MAX_SEED + 1),
            **self._playing,
        ).returns
        mean, error = returns.mean(), returns.std() / math.sqrt(len(returns))
        # An unconfirmed value stays below the threshold, so that a confirmed
        # agent is always the best by this value.
        confirmed = mean - error >= self.threshold
        below = math.nextafter(self.threshold, -math.inf)
        logs[self.monitor] = float(mean if confirmed else min(mean, below))
        if confirmed:
            self.model.stop_training = True
