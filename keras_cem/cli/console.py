"""What a command prints, and what it says to a wrong call."""

import os
import sys
from typing import Any


class CommandError(Exception):
    """A command cannot do what it was asked; the message says why."""


def say(text: str, stream: Any = None) -> None:
    """Prints a line at once, or nowhere if nobody reads any more.

    Ctrl-C ends `tee` as well as what it reads from, which may have something to
    save still. What is printed later goes nowhere too.

    Args:
        text: The line.
        stream: Defaults to `None`: the standard output.
    """
    stream = sys.stdout if stream is None else stream
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        # Not the stream alone: Python flushes it once more as it ends.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
