"""Printing lines."""

import os
import sys
from typing import Any


def say(text: str, stream: Any = None) -> None:
    """Prints a line and flushes it; survives a closed pipe.

    In `keras-cem ... | tee log`, Ctrl-C ends `tee` too, while the command may
    still have files to save. After the pipe closes, this line and all later
    output are discarded.

    Args:
        text: The line.
        stream: Where to print. Defaults to `None`: the standard output.
    """
    stream = sys.stdout if stream is None else stream
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        # Replace the descriptor: Python flushes the stream again at exit.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
