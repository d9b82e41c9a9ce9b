"""A cache of the most recently used values."""

from collections.abc import Callable, Hashable
from typing import Any


class Recent:
    """Holds values by key and drops the least recently used one.

    The values are compiled functions; each keeps its environment alive.

    Args:
        size: Maximum number of values. Defaults to `16`.
    """

    def __init__(self, size: int = 16):
        self._size = size
        self._held: dict[Hashable, Any] = {}

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Returns the value of a key, or makes and stores it.

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
