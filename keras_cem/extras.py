"""Packages that come with an extra of keras-cem."""

import importlib.util

_PACKAGES = {
    "plot": ("matplotlib",),
    "tensorboard": ("tensorboard",),
    "video": ("imageio", "imageio_ffmpeg"),
}


def require(extra: str, what: str) -> None:
    """Refuses to go on without the packages of an extra.

    Args:
        extra: Its name.
        what: What for, with the verb, to begin the message with.

    Raises:
        ImportError: If one of them is missing.
    """
    for package in _PACKAGES[extra]:
        if importlib.util.find_spec(package) is None:
            raise ImportError(
                f"{what} {package.replace('_', '-')}. Install it with "
                f"`pip install 'keras-cem[{extra}]'`."
            )
