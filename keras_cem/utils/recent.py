"""A cache of the values used last."""

from collections.abc import Callable, Hashable
from typing import Any

# Compiled functions that are kept. Each keeps its environment alive, so that
# calls with ever new environments must not add to them for ever.
MOST_FUNCTIONS = 16


class Recent:
    """Holds values by key; drops the one that was not used for longest.

    Args:
        size: How many are held at most. Defaults to `MOST_FUNCTIONS`.
    """

    def __init__(self, size: int = MOST_FUNCTIONS):
        self._size = size
        self._held: dict[Hashable, Any] = {}

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Returns the value of a key; makes it if the cache does not hold it.

        Args:
            key: Key of the value.
            make: Function that makes the value.
        """
        value = self._held.pop(key) if key in self._held else make()
        self._held[key] = value
        while len(self._held) > self._size:
            del self._held[next(iter(self._held))]
        return value

    def clear(self) -> None:
        """Drops all values."""
        self._held.clear()

    def __getitem__(self, key: Hashable) -> Any:
        return self._held[key]

    def __len__(self) -> int:
        return len(self._held)
