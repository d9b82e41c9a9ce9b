"""Printing for readers who may leave before it is over."""

import os
import sys
from typing import Any


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
