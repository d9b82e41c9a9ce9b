"""Workers on Ray. Only the modules of this folder import Ray."""

from keras_cem.utils import extras

# Before the imports, which would say less.
extras.require("ray", "`workers` need")

from keras_cem.adapters.ray.workers import Workers  # noqa: E402

__all__ = ["Workers"]
