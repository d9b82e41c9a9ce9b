"""Optional packages, which an extra of keras-cem installs."""

import importlib.util

_PACKAGES = {
    "box2d": ("Box2D",),
    "hub": ("huggingface_hub",),
    "mlflow": ("mlflow",),
    "mujoco": ("mujoco",),
    "playground": ("imageio", "starlette", "uvicorn"),
    "plot": ("matplotlib",),
    "ray": ("ray",),
    "seeds": ("scipy",),
    "tensorboard": ("tensorboard",),
    "trackio": ("trackio",),
    "tune": ("optuna",),
    "video": ("imageio", "imageio_ffmpeg"),
    "wandb": ("wandb",),
}


def missing(extra: str) -> str | None:
    """Returns the first missing package of an extra, None if none is missing.

    Args:
        extra: Name of the extra.
    """
    for package in _PACKAGES[extra]:
        if importlib.util.find_spec(package) is None:
            return package.replace("_", "-")
    return None


def require(extra: str, what: str) -> None:
    """Requires the packages of an extra.

    Args:
        extra: Name of the extra.
        what: Subject and verb that begin the message.

    Raises:
        ImportError: If a package is missing.
    """
    package = missing(extra)
    if package is not None:
        raise ImportError(
            f"{what} {package}. Install it with "
            f"`pip install 'keras-cem[{extra}]'`."
        )
