"""How sure a mean over few seeds is."""

import numpy as np


def interval(
    values: np.ndarray,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns a bootstrap interval of means, by percentiles.

    All points are resampled together: a row stays a run.

    Args:
        values: `(N, T)`, N runs.
        confidence: Share of the means of resamples that lie inside. Defaults to
            `0.95`.
        resamples: How often N of the N are drawn. Defaults to `2000`.
        seed: Of the draws. Defaults to `0`.

    Returns:
        Low and high ends, float64 `(T,)` each.

    References:
        B. Efron, Bootstrap methods: another look at the jackknife, 1979.
        https://doi.org/10.1214/aos/1176344552
    """
    size = len(values)
    generator = np.random.default_rng(seed)
    # How often each run was drawn, and so its weight.
    counts = generator.multinomial(size, np.full(size, 1 / size), resamples)
    means = counts @ np.asarray(values, np.float64) / size
    outside = 100 * (1 - confidence) / 2
    low, high = np.percentile(means, [outside, 100 - outside], axis=0)
    return low, high
