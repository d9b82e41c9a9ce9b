import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from keras_cem.algorithm import elites
from tests import strategies


def _select(returns, quantile, ties):
    gamma_q, mask = elites.select(tf.constant(returns), quantile, ties)
    return gamma_q.numpy(), mask.numpy()


@pytest.mark.slow
@strategies.examples(150)
@given(strategies.returns, strategies.quantiles)
def test_threshold_is_the_quantile_of_numpy(returns, quantile):
    gamma_q, _ = _select(returns, quantile, "auto")
    expected = np.quantile(returns.astype(np.float64), quantile)
    scale = max(1.0, np.abs(returns).max())
    np.testing.assert_allclose(gamma_q, expected, rtol=0, atol=1e-6 * scale)


@pytest.mark.slow
@strategies.examples(100)
@given(strategies.returns, strategies.quantiles)
def test_elites_are_those_of_numpy(returns, quantile):
    gamma_q, strict = _select(returns, quantile, "strict")
    np.testing.assert_array_equal(strict, returns > gamma_q)
    _, inclusive = _select(returns, quantile, "inclusive")
    np.testing.assert_array_equal(inclusive, returns >= gamma_q)
    _, auto = _select(returns, quantile, "auto")
    differ = returns.min() < returns.max()
    expected = strict if strict.any() or not differ else inclusive
    np.testing.assert_array_equal(auto, expected)
    # Whoever is best is elite wherever anyone can be.
    assert auto[returns.argmax()] == differ
    assert not auto[returns == returns.min()].any() or not differ


@strategies.examples(100)
@given(
    strategies.returns_with_gaps,
    strategies.quantiles,
    st.sampled_from(elites.TIES),
)
def test_what_is_not_finite_is_never_elite(returns, quantile, ties):
    _, mask = _select(returns, quantile, ties)
    assert not mask[~np.isfinite(returns)].any()


@strategies.examples(50)
@given(strategies.returns, strategies.quantiles, st.permutations(range(12)))
def test_order_of_trajectories_does_not_matter(returns, quantile, order):
    order = [index for index in order if index < len(returns)]
    gamma_q, mask = _select(returns, quantile, "auto")
    other, permuted = _select(returns[order], quantile, "auto")
    assert gamma_q == other
    np.testing.assert_array_equal(permuted, mask[order])


@strategies.examples(50)
@given(
    st.floats(-1e6, 1e6, width=32, allow_subnormal=False),
    strategies.quantiles,
)
def test_a_single_trajectory_is_its_own_quantile(value, quantile):
    returns = np.array([value], np.float32)
    gamma_q, mask = _select(returns, quantile, "auto")
    assert gamma_q == returns[0]
    assert not mask.any()
