"""Statistics over the seeds of an experiment."""

import importlib
from typing import Any

import numpy as np

from keras_cem.utils import extras

# With fewer seeds an interval says little: each seed is shown.
ENOUGH = 5
RESAMPLES = 2000


def interquartile_mean(values: np.ndarray, axis: int = 0) -> Any:
    """Returns the mean of the middle half of the values over seeds.

    Args:
        values: Array `(N, ...)`, the values of N seeds. Of N / 4 values at each
            end, rounded down, the mean leaves out all.
        axis: The axis of the seeds. Defaults to `0`.

    Returns:
        float64, one axis less than `values`.

    References:
        Agarwal et al. 2021, https://arxiv.org/abs/2108.13264
    """
    return _scipy_stats().trim_mean(values, 0.25, axis=axis)


def interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the 95 % interval of the interquartile mean over seeds.

    It is a percentile bootstrap interval of 2,000 resamples. Whole seeds are
    resampled, with all their T points. The resamples are always the same.

    Args:
        values: Array `(N, T)`, T points of each of N seeds.

    Returns:
        Low and high ends, float64 `(T,)` each.

    References:
        B. Efron, Bootstrap methods: another look at the jackknife, 1979.
        https://doi.org/10.1214/aos/1176344552
    """
    low, high = (
        _scipy_stats()
        .bootstrap(
            (values,),
            interquartile_mean,
            axis=0,
            n_resamples=RESAMPLES,
            # Resamples at a time: 200 points of 100 seeds take 32 MB.
            batch=200,
            method="percentile",
            random_state=np.random.default_rng(0),
        )
        .confidence_interval
    )
    return low, high


def _scipy_stats() -> Any:
    extras.require("seeds", "Statistics over seeds need")
    return importlib.import_module("scipy.stats")
