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
            f"`close` of the environment {env} raised {type(error).__name__}: "
            f"{error}. What was played with it stands.",
            RuntimeWarning,
            stacklevel=2,
        )
