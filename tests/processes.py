"""Processes that tests start, none of which outlives them, and signals."""

import contextlib
import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]

# Seconds until what has not come will never: more than anything takes on a
# machine that is busy with other things.
PATIENCE = 600.0


def environment(without=()):
    """This process' variables, by which others import what it imports."""
    kept = {
        name: os.environ[name] for name in os.environ if name not in without
    }
    return {**kept, "PYTHONPATH": str(ROOT)}


def run(*arguments, code=0, without=(), cwd=None):
    """Runs `python *arguments` to its end.

    Args:
        *arguments: Of the interpreter.
        code: What it must exit with.
        without: Environment variables that it must not see.
        cwd: Folder to run in.

    Returns:
        `subprocess.CompletedProcess`.
    """
    ended = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=environment(without),
        timeout=PATIENCE,
    )
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended


@contextlib.contextmanager
def started(*arguments):
    """A process that runs `python *arguments`.

    It is killed, with all that it started, if it takes too long, and in the
    end.
    """
    with subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        start_new_session=True,
    ) as process:

        def kill():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

        watch = threading.Timer(2 * PATIENCE, kill)
        watch.start()
        try:
            yield process
        finally:
            watch.cancel()
            kill()


def end(process, signum, again=10.0):
    """Signals a process until it has ended, with all that it started.

    Once may not do: Python drops what a handler raises where it comes in
    between a `__del__`. Whoever presses Ctrl-C presses it again.

    Args:
        process: As from `started`. Whatever it started shares its pipes, which
            end with the last of them.
        signum: The signal.
        again: Seconds after which to send it again.

    Returns:
        What was left to read of its stdout and stderr.

    Raises:
        subprocess.TimeoutExpired: If something is left.
    """
    until = time.monotonic() + PATIENCE
    while True:
        process.send_signal(signum)
        try:
            return process.communicate(timeout=again)
        except subprocess.TimeoutExpired:
            if time.monotonic() > until:
                raise


@contextlib.contextmanager
def none_left():
    """Checks that no child process is left that was not there before."""
    before = set(multiprocessing.active_children())
    yield
    for child in set(multiprocessing.active_children()) - before:
        # It may have been ended, and not be gone yet.
        child.join(PATIENCE)
        assert not child.is_alive(), child


@contextlib.contextmanager
def signals_raise():
    """SIGINT and SIGTERM raise an exception in this process.

    SIGTERM would end it, and SIGINT is ignored where it was started in the
    background.
    """

    def terminated(signum, frame):
        raise SystemExit(signum)

    handlers = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: terminated,
    }
    before = {
        signum: signal.signal(signum, handler)
        for signum, handler in handlers.items()
    }
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
