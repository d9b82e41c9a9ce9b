"""Progress of `keras-cem train`."""

from keras_cem.callbacks import Progress


class ProgressLine(Progress):
    """`Progress` under the name that it has in checkpoints of runs."""
