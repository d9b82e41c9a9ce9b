"""Evenly spaced epochs of a training of unknown length."""

from typing import Any


class SpacedStages:
    """Keeps one record per stage, at evenly spaced epochs.

    At first each epoch is a stage. When there are more than `most` stages,
    every other one is dropped, and the spacing doubles.

    Args:
        most: Maximum number of stages.

    Attributes:
        kept: Records of the stages, oldest first.
    """

    def __init__(self, most: int):
        self._most = most
        self._every = 1
        self.kept: list[dict[str, Any]] = []

    def is_due(self, epoch: int) -> bool:
        """Whether this epoch, counted from 0, is a stage."""
        return epoch % self._every == 0

    def keep(self, stage: dict[str, Any]) -> None:
        """Stores the record of an epoch that is due."""
        self.kept.append(stage)
        if len(self.kept) > self._most:
            self.kept = self.kept[::2]
            self._every *= 2

    def with_last(self, last: dict[str, Any] | None) -> list[dict[str, Any]]:
        """Returns all records, with `last` appended unless it is one of them.

        None is not appended.
        """
        # Compare both counts: iterations recur if weights are restored, and
        # recorded episodes add no environment steps.
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
        """Returns the state for a checkpoint."""
        return {"stages": list(self.kept), "every": self._every}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restores the state from a checkpoint."""
        self.kept = list(state["stages"])
        self._every = state["every"]
