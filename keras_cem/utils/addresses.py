"""Addresses of servers, and whether they answer."""

import socket

# Seconds in which a server must answer.
TIMEOUT = 5.0


def check(address: str, cure: str) -> None:
    """Refuses an address where nothing answers.

    Args:
        address: `"auto"`, which is not checked, or `"host:port"`.
        cure: Sentences for the message.

    Raises:
        ValueError: If it is no address.
        ConnectionError: If nothing answers.
    """
    if address == "auto":
        return
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or "/" in address:
        raise ValueError(
            "`address` must be 'auto' or 'host:port'. "
            f"Received: address={address!r}"
        )
    try:
        with socket.create_connection((host, int(port)), TIMEOUT):
            pass
    except (OSError, OverflowError) as error:
        raise no_answer(address, cure) from error


def no_answer(address: str | None, cure: str) -> ConnectionError:
    """Returns the error for an address where nothing answers."""
    return ConnectionError(
        f"{cure} Received: address={address!r}, which does not answer."
    )
