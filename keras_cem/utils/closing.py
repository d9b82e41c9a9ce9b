"""Closes environments."""

import warnings
from typing import Any


def close_env(env: Any) -> None:
    """Closes an environment. An error of `close` does not discard results.

    Args:
        env: An environment.
    """
    try:
        env.close()
    except Exception as error:
        warnings.warn(
            f"`close` of the environment {env} raised "
            f"{type(error).__name__}: {error}. The episodes played with it "
            "are kept.",
            RuntimeWarning,
            stacklevel=2,
        )
