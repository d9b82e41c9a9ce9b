"""Few of many epochs, evenly spaced, however many there will be."""

from typing import Any


class Stages:
    """Keeps what was noted of evenly spaced epochs.

    It begins with each epoch. Whenever there are more than `most`, every other
    is dropped, and from then on half as many are due.

    Args:
        most: How many are kept at most.

    Attributes:
        kept: What was noted, oldest first.
    """

    def __init__(self, most: int):
        self._most = most
        self._every = 1
        self.kept: list[dict[str, Any]] = []

    def is_due(self, epoch: int) -> bool:
        """Whether something of this epoch, counted from 0, is to be kept."""
        return epoch % self._every == 0

    def keep(self, stage: dict[str, Any]) -> None:
        """Keeps what was noted of an epoch that is due."""
        self.kept.append(stage)
        if len(self.kept) > self._most:
            self.kept = self.kept[::2]
            self._every *= 2

    def with_last(self, last: dict[str, Any] | None) -> list[dict[str, Any]]:
        """All that is kept, and the last one, if it is not among it."""
        # Iterations recur where weights are set back; recorded episodes are no
        # steps.
        if last is None or (
            self.kept
            and all(
                self.kept[-1][count] == last[count]
                for count in ("iteration", "env_steps")
            )
        ):
            return list(self.kept)
        return [*self.kept, last]

    def get_state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"stages": list(self.kept), "every": self._every}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from a checkpoint."""
        self.kept = list(state["stages"])
        self._every = state["every"]
