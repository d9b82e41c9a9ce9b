import numpy as np
import pytest
import tensorflow as tf

from keras_cem import prng
from keras_cem.heads.noise import NOISES, Noise

ROWS, STEPS, DIMENSIONS = 20_000, 12, 2
FEATURES = np.random.default_rng(0).normal(0, 2, (STEPS, 3)).astype(np.float32)
# Of a mean of ROWS numbers, in standard deviations.
TOLERANCE = 5 / np.sqrt(ROWS)


def courses(kind, correlation=None, rows=ROWS, steps=STEPS, mode="compiled"):
    """Noise of `rows` trajectories, `(steps, rows, DIMENSIONS)`.

    Each of them observes `FEATURES[step]`.
    """
    noise = Noise(kind, correlation, DIMENSIONS)

    def draw(step, state):
        trajectory = tf.cast(tf.range(rows), tf.uint32)
        counter = (trajectory, tf.fill([rows], tf.cast(step, tf.uint32)))
        key = prng.make_key(3, prng.EXPLORATION)
        features = tf.tile(tf.gather(FEATURES, step)[None], (rows, 1))
        return noise.draw(key, counter, state, features)

    if mode != "eager":
        draw = tf.function(draw, jit_compile=mode == "compiled")
    state, drawn = noise.initial(rows), []
    for step in range(steps):
        numbers, state = draw(tf.constant(step), state)
        drawn.append(numbers.numpy())
    return np.array(drawn)


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.95])
def test_correlated_noise_is_standard_normal_in_each_step(beta):
    drawn = courses("correlated", beta)
    np.testing.assert_allclose(drawn.mean(axis=1), 0.0, atol=TOLERANCE)
    np.testing.assert_allclose(
        drawn.var(axis=1), 1.0, atol=TOLERANCE * np.sqrt(2)
    )
    fourth = (drawn.astype(float) ** 4).mean(axis=1)
    # The fourth power of a standard normal: mean 3, variance 105 - 9.
    np.testing.assert_allclose(fourth, 3.0, atol=TOLERANCE * np.sqrt(96))


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.95])
def test_autocorrelation_is_a_power_of_beta_from_the_first_step_on(beta):
    drawn = courses("correlated", beta)
    for begin in (0, 3):
        for lag in (1, 2, 5):
            product = drawn[begin] * drawn[begin + lag]
            np.testing.assert_allclose(
                product.mean(axis=0), beta**lag, atol=TOLERANCE * np.sqrt(2)
            )


def test_dimensions_and_trajectories_are_independent():
    drawn = courses("correlated", 0.9)[-1]
    across = np.mean(drawn[:, 0] * drawn[:, 1])
    neighbours = np.mean(drawn[1:] * drawn[:-1])
    np.testing.assert_allclose([across, neighbours], 0.0, atol=TOLERANCE)


def test_the_first_step_forgets_what_was_before():
    noise = Noise("correlated", 0.9, DIMENSIONS)
    counter = (tf.zeros(3, tf.uint32), tf.constant([0, 1, 0], tf.uint32))
    key = prng.make_key(0, 1)
    one, _ = noise.draw(key, counter, tf.fill([3, DIMENSIONS], 50.0))
    other, _ = noise.draw(key, counter, tf.fill([3, DIMENSIONS], -50.0))
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[2], other[2])
    np.testing.assert_allclose(one[1] - other[1], 0.9 * 100, rtol=1e-5)


@pytest.mark.parametrize("kind", NOISES)
def test_eager_traced_and_compiled_agree(kind):
    drawn = [
        courses(kind, rows=5, steps=4, mode=mode)
        for mode in ("eager", "traced", "compiled")
    ]
    for other in drawn[1:]:
        np.testing.assert_allclose(other, drawn[0], rtol=1e-5, atol=1e-6)


def test_correlation_0_is_white_noise():
    np.testing.assert_array_equal(
        courses("correlated", 0.0, rows=5), courses("gaussian", rows=5)
    )


def test_correlation_is_nine_tenths_by_default():
    assert Noise("correlated", None, 1).correlation == 0.9
    for kind in ("gaussian", "uniform", "state"):
        assert Noise(kind, None, 1).correlation is None
        assert Noise(kind, None, 1).initial(4) == ()


@pytest.mark.parametrize("value", [-0.1, 1.0, 1.5])
def test_correlation_out_of_range_is_refused(value):
    message = (
        rf"`correlation` must be in \[0, 1\). Received: correlation={value}"
    )
    with pytest.raises(ValueError, match=message):
        Noise("correlated", value, 1)


def test_correlation_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="Received: correlation=nan"):
        Noise("correlated", float("nan"), 1)
    with pytest.raises(TypeError, match="Received: correlation="):
        Noise("correlated", "0.9", 1)


@pytest.mark.parametrize("kind", ["gaussian", "uniform", "state"])
def test_correlation_without_correlated_noise_is_refused(kind):
    with pytest.raises(ValueError, match="unless noise is 'correlated'") as e:
        Noise(kind, 0.5, 1)
    assert f"Received: correlation=0.5, noise='{kind}'" in str(e.value)


def test_covariance_of_noise_of_the_state_is_that_of_the_features():
    """E n_t n_u = phi_t . phi_u / D, in each dimension."""
    drawn = courses("state", steps=4)
    for one in range(4):
        for other in range(4):
            expected = FEATURES[one] @ FEATURES[other] / 3
            spread = np.sqrt(
                (FEATURES[one] @ FEATURES[one] / 3)
                * (FEATURES[other] @ FEATURES[other] / 3)
                + expected**2
            )
            np.testing.assert_allclose(
                np.mean(drawn[one] * drawn[other], axis=0),
                expected,
                atol=TOLERANCE * spread,
            )
    np.testing.assert_allclose(
        [
            np.mean(drawn[0, :, 0] * drawn[0, :, 1]),
            np.mean(drawn[0, 1:] * drawn[0, :-1]),
        ],
        0.0,
        atol=TOLERANCE * (FEATURES[0] @ FEATURES[0] / 3),
    )


def test_noise_of_the_state_is_linear_within_a_trajectory():
    """Twice what one observation gave and half of another, in any step."""
    noise = Noise("state", None, DIMENSIONS)
    rows = tf.cast(tf.range(5), tf.uint32)

    def draw(step, features):
        counter = (rows, tf.fill([5], np.uint32(step)))
        features = tf.tile(tf.constant(features)[None], (5, 1))
        return noise.draw(prng.make_key(0, 1), counter, (), features)[0]

    one, other = draw(0, FEATURES[0]), draw(3, FEATURES[1])
    both = draw(7, 2 * FEATURES[0] + FEATURES[1] / 2)
    np.testing.assert_allclose(both, 2 * one + other / 2, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(draw(9, FEATURES[0]), one)
    # Another function in each trajectory.
    assert len(np.unique(one.numpy().round(4))) == 10


def test_noise_of_the_state_needs_features():
    counter = (tf.zeros(3, tf.uint32), tf.zeros(3, tf.uint32))
    noise = Noise("state", None, DIMENSIONS)
    assert noise.observes
    with pytest.raises(ValueError, match="`features` must be given"):
        noise.draw(prng.make_key(0, 1), counter, ())
    assert not Noise("gaussian", None, DIMENSIONS).observes
