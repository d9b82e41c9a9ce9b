import numpy as np
import pytest
import tensorflow as tf

from keras_cem import Trajectories
from keras_cem.engines import returns

# Three episodes of 2, 3 and 1 steps; what is padded must not count.
MASK = np.array([[1, 1, 0], [1, 1, 1], [1, 0, 0]], bool)
REWARDS = np.array([[1, 2, np.nan], [3, -4, 5], [6, 1e30, np.inf]], np.float32)


def _trajectories(convert):
    return Trajectories(
        observations=convert(np.zeros((3, 3, 4), np.float32)),
        actions=convert(np.zeros((3, 3), np.int64)),
        rewards=convert(REWARDS),
        mask=convert(MASK),
        terminated=convert(np.array([True, False, True])),
    )


@pytest.mark.parametrize("convert", [np.asarray, tf.constant])
def test_returns_are_sums_of_real_rewards(convert):
    returns = _trajectories(convert).returns
    assert returns.dtype == np.float32
    np.testing.assert_array_equal(returns, [3, 4, 6])


@pytest.mark.parametrize("convert", [np.asarray, tf.constant])
def test_repr_has_three_lines(convert):
    assert repr(_trajectories(convert)).splitlines() == [
        "Trajectories (3, 3): 6 steps, 2 terminated",
        "returns: mean 4.33333, 3 to 6",
        "observations: float32 (4,); actions: int64 ()",
    ]


def test_repr_while_a_graph_is_traced():
    shown = []
    tf.function(lambda given: shown.append(repr(given)))(
        _trajectories(tf.constant)
    )
    assert shown[0].startswith("Trajectories (3, 3): known when the graph runs")


@pytest.mark.parametrize("convert", [np.asarray, tf.constant])
def test_lengths_are_numbers_of_real_steps(convert):
    lengths = _trajectories(convert).lengths
    assert lengths.dtype == np.int32
    np.testing.assert_array_equal(lengths, [2, 3, 1])


def test_numpy_stays_numpy_and_tensors_stay_tensors():
    arrays, tensors = _trajectories(np.asarray), _trajectories(tf.constant)
    assert isinstance(arrays.returns, np.ndarray)
    assert isinstance(arrays.lengths, np.ndarray)
    assert tf.is_tensor(tensors.returns)
    assert tf.is_tensor(tensors.lengths)


def test_trajectories_pass_through_a_compiled_function():
    returns = tf.function(lambda data: data.returns, jit_compile=True)
    np.testing.assert_array_equal(
        returns(_trajectories(tf.constant)), [3, 4, 6]
    )


@pytest.mark.parametrize("discount", [1.0, 0.5, 0.9])
def test_discounted_returns_weigh_step_t_by_discount_to_the_t(discount):
    returns = _trajectories(tf.constant).discounted_returns(discount)
    assert returns.dtype == tf.float32
    expected = [
        1 + 2 * discount,
        3 - 4 * discount + 5 * discount**2,
        6,
    ]
    np.testing.assert_allclose(returns, expected, rtol=1e-6)


def test_some_of_the_trajectories_are_taken_in_the_order_asked_for():
    taken = _trajectories(tf.constant).take(tf.constant([2, 0, 2]))
    np.testing.assert_array_equal(taken.lengths, [1, 2, 1])
    np.testing.assert_array_equal(taken.returns, [6, 3, 6])
    assert taken.observations.shape == (3, 3, 4)


def test_nothing_is_discounted_by_one():
    assert returns.constant_discount(1.0) is None


def test_it_is_not_rounded_to_float32():
    found = returns.constant_discount(0.7)
    assert found.dtype == tf.float64
    assert float(found) == 0.7


def test_weights_are_its_powers():
    found = returns.discount_weights(
        returns.constant_discount(0.7), tf.range(50)
    )
    expected = (0.7 ** np.arange(50)).astype(np.float32)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
