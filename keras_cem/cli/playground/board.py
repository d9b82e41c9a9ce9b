"""What the page shows now: the latest value of each part."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping


class Board:
    """Parts of the page, each with its latest value.

    A worker posts, readers ask for what is new. A slow reader misses values in
    between. So neither a long run nor many readers need more memory.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clock = 0
        self._parts: dict[str, tuple[int, str]] = {}
        # What is posted at the end of `together`, and by which thread.
        self._held: dict[str, str] = {}
        self._holder: int | None = None
        self._listeners: list[Callable[[], None]] = []

    def post(self, **parts: object) -> None:
        """Posts new values of parts, which JSON can express."""
        self._post(
            {
                # Not NaN and infinities, which browsers do not read.
                name: json.dumps(value, allow_nan=False, separators=(",", ":"))
                for name, value in parts.items()
            }
        )

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Posts at its end what its thread posts in between, all at once."""
        self._held = {}
        self._holder = threading.get_ident()
        try:
            yield
        finally:
            held, self._held = self._held, {}
            self._holder = None
            self._post(held)

    def _post(self, texts: Mapping[str, str]) -> None:
        if self._holder == threading.get_ident():
            self._held.update(texts)
            return
        with self._lock:
            for name, text in texts.items():
                self._clock += 1
                self._parts[name] = (self._clock, text)
            listeners = list(self._listeners)
        for listen in listeners:
            listen()

    def since(self, clock: int) -> tuple[int, Mapping[str, str]]:
        """Returns the present time, and the JSON of parts that are newer.

        Args:
            clock: Time of the reader's last call; 0 for all parts.
        """
        with self._lock:
            newer = sorted(
                (at, name, text)
                for name, (at, text) in self._parts.items()
                if at > clock
            )
            return self._clock, {name: text for _, name, text in newer}

    @contextlib.contextmanager
    def listening(self, listen: Callable[[], None]) -> Iterator[None]:
        """Calls a function after each `post`, in the thread that posts."""
        with self._lock:
            self._listeners.append(listen)
        try:
            yield
        finally:
            with self._lock:
                self._listeners.remove(listen)
