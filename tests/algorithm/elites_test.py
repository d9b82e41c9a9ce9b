import numpy as np
import pytest
import tensorflow as tf

from keras_cem.algorithm import elites

QUANTILES = (0.01, 0.1, 0.25, 0.5, 0.7, 0.75, 0.8, 0.9, 0.95, 0.999)


def _threshold(returns, quantile):
    return elites.threshold(tf.constant(returns, tf.float32), quantile).numpy()


def _elite(returns, quantile, ties="auto"):
    returns = tf.constant(returns, tf.float32)
    gamma_q = elites.threshold(returns, quantile)
    return elites.mask(returns, gamma_q, ties).numpy().astype(int).tolist()


# Threshold


@pytest.mark.parametrize("quantile", QUANTILES)
def test_threshold_leaves_out_what_is_not_finite(quantile):
    generator = np.random.default_rng(2)
    for size in (1, 2, 5, 40):
        returns = generator.normal(0, 10, size).astype(np.float32)
        among = np.insert(
            returns, [0, size // 2, size], [np.nan, np.inf, -np.inf]
        )
        assert _threshold(among, quantile) == _threshold(returns, quantile)


@pytest.mark.parametrize("ties", elites.TIES)
@pytest.mark.parametrize("returns", [[1, 2, 2, 3], [2, 2, 2, 2], [1, 5]])
def test_elites_leave_out_what_is_not_finite(ties, returns):
    expected = _elite(returns, 0.6, ties)
    among = [np.nan, *returns, np.inf, -np.inf]
    assert _elite(among, 0.6, ties) == [0, *expected, 0, 0]


@pytest.mark.parametrize("ties", elites.TIES)
def test_nothing_is_elite_where_no_return_is_finite(ties):
    assert _elite([np.nan, np.inf, np.nan], 0.6, ties) == [0, 0, 0]


@pytest.mark.parametrize("quantile", QUANTILES)
def test_threshold_equals_numpy_quantile(quantile):
    generator = np.random.default_rng(0)
    for size in [*range(1, 40), 64, 100, 999, 1000]:
        returns = generator.normal(-100, 300, size).astype(np.float32)
        expected = np.quantile(returns.astype(np.float64), quantile)
        # Relative to the numbers it lies between.
        scale = float(np.abs(returns).max())
        assert _threshold(returns, quantile) == pytest.approx(
            expected, abs=2e-7 * scale
        ), size


@pytest.mark.parametrize("quantile", QUANTILES)
def test_threshold_of_ties_equals_numpy_quantile(quantile):
    generator = np.random.default_rng(1)
    for size in range(1, 60):
        returns = generator.integers(0, 4, size).astype(np.float32)
        expected = np.quantile(returns.astype(np.float64), quantile)
        assert _threshold(returns, quantile) == pytest.approx(
            expected, abs=1e-6
        ), size


@pytest.mark.parametrize("quantile", QUANTILES)
def test_elites_are_those_above_numpy_quantile(quantile):
    generator = np.random.default_rng(2)
    for size in range(2, 60):
        returns = generator.integers(-3, 9, size).astype(np.float32)
        gamma_q = np.quantile(returns.astype(np.float64), quantile)
        # Between integers a threshold is off by 1/1000 of the step at least.
        expected = (returns > gamma_q).astype(int).tolist()
        assert _elite(returns, quantile, "strict") == expected


def test_threshold_at_an_order_statistic_is_exactly_it():
    """Where q (K - 1) is a whole number, also if its product is rounded."""
    generator = np.random.default_rng(3)
    for percent in (10, 30, 70, 80, 90):
        for size in range(11, 300, 10):
            returns = generator.normal(0, 1e3, size).astype(np.float32)
            position, rest = divmod(percent * (size - 1), 100)
            if not rest:
                gamma_q = _threshold(returns, percent / 100)
                assert gamma_q == np.sort(returns)[position]


@pytest.mark.parametrize("quantile", QUANTILES)
@pytest.mark.parametrize("value", [0.0, 0.1, -199.7, 1e30, 3e38])
def test_threshold_of_equal_returns_is_exactly_their_value(quantile, value):
    for size in (1, 2, 5, 64):
        got = _threshold(np.full(size, value), quantile)
        assert got == np.float32(value)


def test_threshold_does_not_depend_on_order():
    returns = np.random.default_rng(4).normal(size=50)
    assert _threshold(returns, 0.8) == _threshold(returns[::-1], 0.8)


def test_threshold_in_the_graph_of_unknown_size():
    traced = tf.function(
        lambda returns: elites.threshold(returns, 0.8),
        input_signature=[tf.TensorSpec((None,), tf.float32)],
    )
    for size in (3, 7):
        returns = np.arange(size, dtype=np.float32)
        expected = np.quantile(returns, 0.8)
        assert traced(returns).numpy() == pytest.approx(expected)


# Elites


def test_elites_are_strictly_above_the_threshold():
    # The 0.8-quantile of 1..5 is 4.2.
    for ties in elites.TIES:
        assert _elite([1, 2, 3, 4, 5], 0.8, ties) == [0, 0, 0, 0, 1]
    # The 0.75-quantile of 1..5 is 4, which ties.
    assert _elite([1, 2, 3, 4, 5], 0.75, "strict") == [0, 0, 0, 0, 1]
    assert _elite([1, 2, 3, 4, 5], 0.75, "auto") == [0, 0, 0, 0, 1]
    assert _elite([1, 2, 3, 4, 5], 0.75, "inclusive") == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("size", [1, 2, 5, 64])
@pytest.mark.parametrize("value", [0.0, 0.1, -199.7, 500.0])
def test_elites_of_equal_returns(size, value):
    """Nothing to prefer: only "inclusive", which asks for it, takes them."""
    returns = [value] * size
    assert _elite(returns, 0.8, "strict") == [0] * size
    assert _elite(returns, 0.8, "auto") == [0] * size
    assert _elite(returns, 0.8, "inclusive") == [1] * size


def test_elites_where_one_return_is_better():
    returns = [1, 1, 1, 2, 1]
    for ties in ("strict", "auto"):
        assert _elite(returns, 0.7, ties) == [0, 0, 0, 1, 0]
    # The threshold is 1, which all of them reach.
    assert _elite(returns, 0.7, "inclusive") == [1] * 5


def test_elites_where_one_return_is_worse():
    """The best tie with the threshold: CartPole, nearly solved."""
    returns = [500, 500, 17, 500, 500]
    assert _elite(returns, 0.8, "strict") == [0] * 5
    assert _elite(returns, 0.8, "auto") == [1, 1, 0, 1, 1]
    assert _elite(returns, 0.8, "inclusive") == [1, 1, 0, 1, 1]


def test_elites_where_the_best_share_ties_by_rounding():
    # 0.1 is not a float32: interpolating between equals must not round.
    returns = [0.1] * 7 + [0.0] * 3
    assert _elite(returns, 0.8, "strict") == [0] * 10
    assert _elite(returns, 0.8, "auto") == [1] * 7 + [0] * 3


@pytest.mark.parametrize("ties", elites.TIES)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("threshold", [-1.0, 1.5, 2.0])
def test_returns_that_are_not_finite_are_never_elite(ties, value, threshold):
    returns = np.array([1.0, value, 2.0, 3.0, value], np.float32)
    exceeds = np.greater_equal if ties == "inclusive" else np.greater
    got = elites.mask(tf.constant(returns), tf.constant(threshold), ties)
    np.testing.assert_array_equal(
        got, np.isfinite(returns) & exceeds(returns, threshold)
    )


@pytest.mark.parametrize("ties", elites.TIES)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_return_that_is_not_finite_is_elite_by_its_own_threshold(
    ties, value
):
    elite = _elite([value, 1.0, 2.0, value], 0.5, ties)
    assert elite[0] == elite[3] == 0


@pytest.mark.parametrize("ties", elites.TIES)
def test_elites_are_the_same_eager_traced_and_compiled(ties):
    generator = np.random.default_rng(5)

    def elite(returns):
        gamma_q = elites.threshold(returns, 0.8)
        return gamma_q, elites.mask(returns, gamma_q, ties)

    functions = [tf.function(elite, jit_compile=jit) for jit in (False, True)]
    for _ in range(5):
        returns = tf.constant(generator.integers(0, 6, 20), tf.float32)
        gamma_q, expected = elite(returns)
        for function in functions:
            got = function(returns)
            assert float(got[0]) == float(gamma_q)
            np.testing.assert_array_equal(got[1], expected)


# Groups


def _brute_force(returns, quantile, ties):
    """Threshold and elites of one set of returns, by NumPy alone."""
    gamma_q = np.quantile(returns.astype(np.float64), quantile)
    strict, inclusive = returns > gamma_q, returns >= gamma_q
    if ties == "strict" or (ties == "auto" and strict.any()):
        return gamma_q, strict
    if ties == "auto" and np.ptp(returns) == 0:
        return gamma_q, np.zeros_like(strict)
    return gamma_q, inclusive


@pytest.mark.parametrize("ties", elites.TIES)
@pytest.mark.parametrize("jit_compile", [None, True])
def test_each_start_has_a_quantile_and_ties_of_its_own(ties, jit_compile):
    def select(returns):
        return elites.select(returns, 0.5, ties, per_start=5)

    if jit_compile is not None:
        select = tf.function(select, jit_compile=jit_compile)
    generator = np.random.default_rng(6)
    seen = set()
    for _ in range(20):
        # Few values, so that groups tie; some groups are all equal.
        returns = generator.integers(0, 3, 30).astype(np.float32)
        returns[:5] = 7.0
        gamma_q, elite = select(tf.constant(returns))
        expected = [
            _brute_force(group, 0.5, ties) for group in returns.reshape(6, 5)
        ]
        np.testing.assert_array_equal(gamma_q, [g for g, _ in expected])
        np.testing.assert_array_equal(
            elite, np.concatenate([group for _, group in expected])
        )
        seen |= {int(group.sum()) for _, group in expected}
    assert len(seen) > 2


@pytest.mark.parametrize("ties", elites.TIES)
@pytest.mark.parametrize("jit_compile", [None, True])
def test_policies_are_ranked_by_their_means(ties, jit_compile):
    def select(returns):
        return elites.select(returns, 0.6, ties, per_policy=4)

    if jit_compile is not None:
        select = tf.function(select, jit_compile=jit_compile)
    generator = np.random.default_rng(7)
    for _ in range(20):
        returns = generator.integers(0, 3, 44).astype(np.float32)
        gamma_q, elite = select(tf.constant(returns))
        # Quarters are exact, so that means tie as they should; and the 0.6
        # quantile of eleven is the seventh.
        expected, groups = _brute_force(
            returns.reshape(11, 4).mean(axis=1), 0.6, ties
        )
        assert float(gamma_q) == expected
        np.testing.assert_array_equal(elite, np.repeat(groups, 4))


def test_the_best_policy_may_be_one_without_the_best_episode():
    returns = tf.constant([9.0, 0, 0, 5, 5, 5, 1, 1, 1])
    _, elite = elites.select(returns, 0.8, "auto", per_policy=3)
    assert elite.numpy().tolist() == [False] * 3 + [True] * 3 + [False] * 3


def test_rows_that_are_not_there_do_not_count():
    generator = np.random.default_rng(8)
    for size in (2, 3, 10, 11):
        returns = generator.normal(size=size).astype(np.float32)
        with_rest = tf.constant([*returns, *[np.inf] * 5], tf.float32)
        gamma_q, elite = elites.select(with_rest, 0.7, "auto")
        assert float(gamma_q) == _threshold(returns, 0.7)
        expected = [*_elite(returns, 0.7), *[0] * 5]
        assert elite.numpy().astype(int).tolist() == expected
        # Nothing to prefer among what is there.
        equal = tf.constant([*[2.0] * size, *[np.inf] * 5], tf.float32)
        _, elite = elites.select(equal, 0.7, "auto")
        assert not elite.numpy().any()


@pytest.mark.parametrize("convert", [np.asarray, list, tf.constant])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_arrays_and_lists_are_taken(convert, dtype):
    returns = convert(np.array([3, 1, 2, 5], dtype))
    gamma_q, elite = elites.select(returns, 0.5)
    assert float(gamma_q) == float(elites.threshold(returns, 0.5)) == 2.5
    np.testing.assert_array_equal(elite, [True, False, False, True])
    np.testing.assert_array_equal(elites.mask(returns, 2.5), elite)
