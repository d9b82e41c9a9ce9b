"""The playground: a thread that trains, and what the page may ask of it."""

import contextlib
import dataclasses
import math
import queue
import threading
import time
from collections.abc import Callable

from keras_cem.cli.playground import abandoning
from keras_cem.cli.playground.board import Board
from keras_cem.cli.playground.films import Films
from keras_cem.cli.playground.networks import Networks
from keras_cem.cli.playground.session import Session
from keras_cem.cli.playground.settings import Settings

# Seconds between two stages, by pace.
PACES = {"fast": 0.0, "slow": 1.0}
# Seconds of an iteration up to which it is shown as a whole.
_QUICK = 0.5
# Seconds that a film may take between two stages.
_FILMING = 0.02


class LiveTraining:
    """Trains in a thread of its own; any thread may call the methods.

    Args:
        settings: What it starts with.

    Attributes:
        board: What the page shows.
    """

    def __init__(self, settings: Settings):
        self.board = Board()
        self._lock = threading.Lock()
        # What the page asked for; the session follows.
        self._wanted = settings
        self._networks = Networks(self.board)
        self._wanted_networks = self._networks.settings
        self._films = Films(self.board)
        self._commands: queue.SimpleQueue[Callable[[], None]]
        self._commands = queue.SimpleQueue()
        self._closed = threading.Event()
        self._started = threading.Event()
        self._fault: BaseException | None = None
        self._running = False
        self._training_networks = False
        self._pace = "fast"
        self._not_before = 0.0
        # Seconds that the present iteration has taken.
        self._took = math.inf
        # Whether the last turn filmed: there may be more to film.
        self._filmed = True
        self._busy: str | None = "open"
        self._note, self._error = "", ""
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        """Starts the thread and waits until the environment is open.

        Raises:
            ValueError, TypeError, ImportError, RuntimeError, OSError: If it
                cannot be played.
        """
        self._thread.start()
        self._started.wait()
        if self._fault is not None:
            raise self._fault

    def close(self) -> None:
        """Ends the thread."""
        self._closed.set()
        self._commands.put(lambda: None)
        with abandoning.abandoning(self._thread):
            self._thread.join(timeout=30)

    def change(self, name: str, value: object) -> None:
        """Changes a setting of the training.

        Raises:
            ValueError: If there is no such setting, or the value is invalid.
        """
        with self._lock:
            self._wanted = self._wanted.changed(name, value)
            self.board.post(settings=dataclasses.asdict(self._wanted))
        self._commands.put(self._apply)

    def change_networks(self, name: str, value: object) -> None:
        """Changes a setting of the lecture's networks.

        Raises:
            ValueError: As `change`.
        """
        with self._lock:
            wanted = self._wanted_networks.changed(name, value)
            self._wanted_networks = wanted
        self._post_networks()
        self._commands.put(lambda: self._networks.apply(wanted))

    def view(self, name: str, value: object) -> None:
        """Changes what is looked at, see `Session.view`."""
        self._commands.put(lambda: self._session.view(name, value))

    def act(self, action: str) -> None:
        """Does what a button says.

        Args:
            action: `"run"`, `"pause"`, `"stage"`, `"iteration"`, `"reset"`,
                `"fast"` or `"slow"`; for the networks `"open networks"`,
                `"run networks"`, `"pause networks"` or `"reset networks"`.

        Raises:
            ValueError: If it is none of these.
        """
        actions: dict[str, Callable[[], None]] = {
            "run": lambda: self._run(True),
            "pause": lambda: self._run(False),
            "stage": lambda: self._commands.put(self._stage),
            "iteration": lambda: self._commands.put(self._iteration),
            "reset": lambda: self._commands.put(self._reset),
            "fast": lambda: self._set_pace("fast"),
            "slow": lambda: self._set_pace("slow"),
            "open networks": lambda: self._commands.put(self._networks.open),
            "run networks": lambda: self._run_networks(True),
            "pause networks": lambda: self._run_networks(False),
            "reset networks": lambda: self._commands.put(self._networks.reset),
        }
        if action not in actions:
            raise ValueError(f"There is no action {action!r:.40}.")
        actions[action]()

    def _run(self, running: bool) -> None:
        self._running = running
        self._post()
        # Wakes the thread.
        self._commands.put(lambda: None)

    def _run_networks(self, running: bool) -> None:
        self._training_networks = running
        self._post_networks()
        self._commands.put(self._networks.open)

    def _set_pace(self, pace: str) -> None:
        self._pace, self._not_before = pace, 0.0
        self._run(self._running)

    # The methods below run in the thread.

    def _work(self) -> None:
        try:
            self._session = Session(self.board, self._wanted)
            self._opened()
        except BaseException as error:
            self._fault = error
            self._started.set()
            return
        self.board.post(settings=dataclasses.asdict(self._wanted))
        self._busy = None
        self._post()
        self._post_networks()
        self._started.set()
        with contextlib.suppress(abandoning.AbandonedError):
            while not self._closed.is_set():
                self._turn()
        self._films.close()
        self._session.close()

    def _turn(self) -> None:
        """Obeys a command, or else works for a short while."""
        try:
            try:
                command = self._next_command()
            except queue.Empty:
                self._work_on()
            else:
                command()
        except Exception as error:
            self._fail(error)

    def _work_on(self) -> None:
        if self._due():
            self._train()
        if self._training_networks:
            self._networks.advance()
        self._filmed = self._films.advance(_FILMING, fresh=not self._running)

    def _next_command(self) -> Callable[[], None]:
        if self._due() or self._training_networks or self._filmed:
            return self._commands.get_nowait()
        if self._running:
            rest = self._not_before - time.monotonic()
            return self._commands.get(timeout=max(rest, 0.001))
        command = self._commands.get()
        self._filmed = True
        return command

    def _due(self) -> bool:
        return self._running and time.monotonic() >= self._not_before

    def _train(self) -> None:
        """Does the next stage, or an iteration if the eye cannot follow it."""
        if PACES[self._pace] == 0.0 and self._took < _QUICK:
            self._note = ""
            with self.board.together():
                self._iteration()
            return
        self._stage()
        self._not_before = time.monotonic() + PACES[self._pace]

    def _stage(self) -> None:
        self._busy, self._error = self._session.next, ""
        self._post()
        begun = time.monotonic()
        try:
            stage = self._session.advance()
        except Exception as error:
            self._fail(error)
            return
        took = time.monotonic() - begun
        self._took = took if stage == "play" else self._took + took
        self._busy = None
        self._post()

    def _iteration(self) -> None:
        """Does the stages up to the end of an iteration."""
        while not self._closed.is_set():
            self._stage()
            if self._error or self._session.next == "play":
                break

    def _reset(self) -> None:
        self._note, self._error = (
            "Started a new training with the same seed.",
            "",
        )
        self._session.reset()
        self._opened()
        self._post()

    def _apply(self) -> None:
        with self._lock:
            wanted = self._wanted
        session, before = self._session, self._session.settings
        if wanted == before:
            return
        self._error = ""
        if before.effect_of(wanted) != "now":
            self._busy = "open"
            self._post()
        try:
            self._note = session.apply(wanted) or self._note
        except Exception as error:
            with self._lock:
                self._wanted = before
            self.board.post(settings=dataclasses.asdict(before))
            self._fail(error)
            return
        finally:
            self._busy = None
        if before.effect_of(wanted) != "now":
            self._opened()
        self._post()

    def _opened(self) -> None:
        """Follows a new agent, whose first iteration traces its functions."""
        self._took = math.inf
        self._films.follow(self._session.agent, self._session.settings.env)

    def _fail(self, error: BaseException) -> None:
        self._running, self._training_networks = False, False
        self._busy = None
        # Whatever it is, the page says so, and the training can be reset.
        self._error = str(error) or type(error).__name__
        self._post()
        self._post_networks()

    def _post(self) -> None:
        self.board.post(
            status={
                "running": self._running,
                "pace": self._pace,
                "busy": self._busy,
                "next": self._session.next,
                "note": self._note,
                "error": self._error,
            }
        )

    def _post_networks(self) -> None:
        with self._lock:
            settings = dataclasses.asdict(self._wanted_networks)
        self.board.post(
            network_status={
                "running": self._training_networks,
                "settings": settings,
            }
        )
