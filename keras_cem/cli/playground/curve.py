"""The learning curve, in a limited number of points."""


class Curve:
    """Rows of numbers over iterations.

    It keeps every iteration at first. Once it is full, it drops every second
    row, and so on. So its size does not grow, and it covers the whole training.

    Args:
        size: Maximum number of rows, at least 2. Defaults to `400`.
    """

    def __init__(self, size: int = 400):
        self._size = size
        self.clear()

    def clear(self) -> None:
        """Drops all rows."""
        self._count, self._every = 0, 1
        self._rows: list[list[float | None]] = []
        self._last: list[float | None] | None = None

    def add(self, x: int, *values: float | None) -> None:
        """Adds the numbers of an iteration or epoch, x."""
        row: list[float | None] = [x, *values]
        self._last = row
        if self._count % self._every == 0:
            self._rows.append(row)
        self._count += 1
        if len(self._rows) > self._size:
            self._rows = self._rows[::2]
            self._every *= 2

    @property
    def rows(self) -> list[list[float | None]]:
        """The rows, with that of the last iteration at the end."""
        if self._last is None or self._rows[-1] is self._last:
            return list(self._rows)
        return [*self._rows, self._last]
