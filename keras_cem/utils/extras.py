"""Packages that come with an extra of keras-cem."""

import importlib.util

_PACKAGES = {
    "box2d": ("Box2D",),
    "mujoco": ("mujoco",),
    "plot": ("matplotlib",),
    "tensorboard": ("tensorboard",),
    "tune": ("optuna",),
    "video": ("imageio", "imageio_ffmpeg"),
}


def missing(extra: str) -> str | None:
    """Returns the first package of an extra that is missing, None if none is.

    Args:
        extra: Its name.
    """
    for package in _PACKAGES[extra]:
        if importlib.util.find_spec(package) is None:
            return package.replace("_", "-")
    return None


def require(extra: str, what: str) -> None:
    """Refuses to go on without the packages of an extra.

    Args:
        extra: Its name.
        what: What for, with the verb, to begin the message with.

    Raises:
        ImportError: If one of them is missing.
    """
    package = missing(extra)
    if package is not None:
        raise ImportError(
            f"{what} {package}. Install it with "
            f"`pip install 'keras-cem[{extra}]'`."
        )
