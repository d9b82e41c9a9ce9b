"""Errors and paragraphs of commands."""

import shutil
import sys
import textwrap


class CommandError(Exception):
    """A command refuses its arguments or files; the message says why."""


def print_paragraph(text: str) -> None:
    """Prints a line; a terminal gets it wrapped between words.

    Args:
        text: The line.
    """
    if sys.stdout.isatty():
        text = textwrap.fill(
            text,
            shutil.get_terminal_size().columns,
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    print(text)
