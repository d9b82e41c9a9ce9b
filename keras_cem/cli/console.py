"""Errors of commands."""


class CommandError(Exception):
    """A command refuses its arguments or files; the message says why."""
