"""What a command says when it was called wrongly."""


class CommandError(Exception):
    """A command cannot do what it was asked; the message says why."""
