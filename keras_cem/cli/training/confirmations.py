"""Stops training once the return is reached, and was not luck."""

import math
from typing import Any

from keras_cem.callbacks import StopOnEpisodeReturn
from keras_cem.prng import MAX_SEED


class ConfirmedStop(StopOnEpisodeReturn):
    """Stops when a validation reaches a return, and other episodes do as well.

    The best of many validations is in part the luckiest. So where one reaches
    the threshold, as many episodes are played again from other start states.
    What they return becomes `val_episode_return`, also for the callbacks behind
    this one, and training stops if it exceeds the threshold by its standard
    error.

    Args:
        threshold: The return to reach.
        env: Environment for the second evaluation.
        episodes: Its number of episodes.
        **playing: Further arguments of `CEMAgent.collect`.
    """

    def __init__(
        self, threshold: float, env: Any, episodes: int, **playing: Any
    ):
        super().__init__(threshold)
        self._env = env
        self._episodes = episodes
        self._playing = playing

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Confirms a validation that reached the threshold."""
        if logs[self.monitor] < self.threshold:
            return
        returns = self.model.collect(
            self._env,
            self._episodes,
            # Not those of the agent's own seed: the last evaluation, of which
            # nothing is decided any more, plays these.
            seed=(self.model.seed + 1) % (MAX_SEED + 1),
            **self._playing,
        ).returns
        mean, error = returns.mean(), returns.std() / math.sqrt(len(returns))
        # Below the threshold unless confirmed: the best by this is, once there
        # is one, a confirmed one.
        confirmed = mean - error >= self.threshold
        below = math.nextafter(self.threshold, -math.inf)
        logs[self.monitor] = float(mean if confirmed else min(mean, below))
        if confirmed:
            self.model.stop_training = True
