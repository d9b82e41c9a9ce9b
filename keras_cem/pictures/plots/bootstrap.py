"""Bootstrap intervals of a mean over a small number of seeds."""

import numpy as np


def interval(
    values: np.ndarray,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns percentile bootstrap intervals of the means over runs.

    Whole runs are resampled, with all their T points.

    Args:
        values: `(N, T)`, T points of each of N runs.
        confidence: Share of the resampled means inside of the interval.
            Defaults to `0.95`.
        resamples: Number of resamples of N runs each. Defaults to `2000`.
        seed: Seed of the resampling. Defaults to `0`.

    Returns:
        Low and high ends, float64 `(T,)` each.

    References:
        B. Efron, Bootstrap methods: another look at the jackknife, 1979.
        https://doi.org/10.1214/aos/1176344552
    """
    size = len(values)
    generator = np.random.default_rng(seed)
    # The number of times a run is drawn is its weight in the mean.
    counts = generator.multinomial(size, np.full(size, 1 / size), resamples)
    means = counts @ np.asarray(values, np.float64) / size
    outside = 100 * (1 - confidence) / 2
    low, high = np.percentile(means, [outside, 100 - outside], axis=0)
    return low, high
