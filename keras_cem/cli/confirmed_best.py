"""Keeps the luck of a validation from deciding which agent is the best."""

from typing import Any

import keras

from keras_cem.prng import MAX_SEED


class ConfirmedBest(keras.callbacks.Callback):
    """Repeats validations that are the best so far with other episodes.

    The best of many validations is in part the luckiest, the more so the fewer
    episodes they have and the more these differ. `val_episode_return` becomes
    the mean of both, also for the callbacks behind this one, which may no
    longer be the best. Validations below are left as they are, and so is one
    that ended the training, which other episodes have confirmed.

    Args:
        env: Environment for the second evaluation.
        episodes: Its number of episodes, that of a validation.
        **playing: Further arguments of `CEMAgent.collect`.
    """

    monitor = "val_episode_return"

    def __init__(self, env: Any, episodes: int, **playing: Any):
        super().__init__()
        self._env = env
        self._episodes = episodes
        self._playing = playing
        self._best: float | None = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Repeats a validation that is the best so far."""
        first = logs[self.monitor]
        if self.model.stop_training or (
            self._best is not None and first <= self._best
        ):
            return
        second = self.model.collect(
            self._env,
            self._episodes,
            # Neither those of the last evaluation, of which nothing is decided
            # any more, nor those that confirm that training may stop.
            seed=(self.model.seed + 2) % (MAX_SEED + 1),
            **self._playing,
        ).returns
        both = (first + float(second.mean(dtype="float64"))) / 2
        logs[self.monitor] = both
        if self._best is None or both > self._best:
            self._best = both

    def get_state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"best": self._best}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from a checkpoint."""
        self._best = state["best"]
