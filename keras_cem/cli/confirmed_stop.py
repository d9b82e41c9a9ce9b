"""Stops training once the return is reached, and was not luck."""

from typing import Any

from keras_cem.callbacks import StopOnEpisodeReturn


class ConfirmedStop(StopOnEpisodeReturn):
    """Stops when a validation reaches a return, and other episodes do as well.

    The best of many validations is in part the luckiest. So where one reaches
    the threshold, as many episodes are played again from other start states,
    and `val_episode_return` becomes the mean of both, also for the callbacks
    behind this one.

    Args:
        threshold: The return to reach, twice.
        env: Environment for the second evaluation.
        episodes: Its number of episodes.
        **playing: Further arguments of `CEMAgent.evaluate`.
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
        first = logs[self.monitor]
        if first < self.threshold:
            return
        second = self.model.evaluate(
            self._env,
            batch_size=self._episodes,
            verbose=0,
            return_dict=True,
            **self._playing,
        )["episode_return"]
        logs[self.monitor] = (first + second) / 2
        if second >= self.threshold:
            self.model.stop_training = True
