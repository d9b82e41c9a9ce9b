"""gymnasium wrappers for training."""

from keras_cem.wrappers.segments import Segments

__all__ = ["Segments"]
