"""Plots of runs. They need matplotlib: `pip install 'keras-cem[plot]'`."""

from keras_cem.pictures.plots.comparison import comparison
from keras_cem.pictures.plots.learning_curve import learning_curve
from keras_cem.pictures.plots.policy_map import policy_map
from keras_cem.pictures.plots.returns import returns

__all__ = [
    "comparison",
    "learning_curve",
    "policy_map",
    "returns",
]
