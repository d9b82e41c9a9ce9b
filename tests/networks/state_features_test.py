import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cem import heads, spaces
from keras_cem.networks import state_features
from keras_cem.networks.moments import Moments
from keras_cem.networks.normalization import NormalizedPolicy

ACTION = spaces.Box(-1.0, 1.0, (2,))
SPACE = spaces.Dict(
    {
        "camera": spaces.Box(-9.0, 9.0, (2, 2), "float64"),
        "speed": spaces.Box(-9.0, 9.0, ()),
    }
)
BATCH = {
    "camera": tf.reshape(tf.range(8, dtype=tf.float64), (2, 2, 2)),
    "speed": tf.constant([10.0, 20.0]),
}
STATE_NOISE = heads.for_space(ACTION, noise="state")


def test_features_are_all_numbers_and_a_constant():
    found = state_features.observed(
        STATE_NOISE, keras.layers.Dense(2), SPACE, BATCH
    )
    assert found.dtype == tf.float32
    np.testing.assert_array_equal(
        found, [[0, 1, 2, 3, 10, 1], [4, 5, 6, 7, 20, 1]]
    )


def test_features_are_normalised_as_the_policys_inputs_are():
    policy = NormalizedPolicy(keras.layers.Dense(2), SPACE)
    # Of four observations, with deviation 4.
    seen = [
        Moments(
            tf.constant(4.0, tf.float64),
            tf.fill(shape, tf.constant(mean, tf.float64)),
            tf.fill(shape, tf.constant(4 * 4.0**2, tf.float64)),
        )
        for shape, mean in (((2, 2), 3.0), ((), 2.0))
    ]
    policy.update(seen)
    found = state_features.observed(STATE_NOISE, policy, SPACE, BATCH)
    plain = np.array([[0, 1, 2, 3, 10], [4, 5, 6, 7, 20]])
    expected = (plain - [3, 3, 3, 3, 2]) / 4
    np.testing.assert_allclose(found[:, :-1], expected, rtol=1e-5)
    np.testing.assert_array_equal(found[:, -1], [1, 1])


def test_other_heads_are_given_none():
    for noise in ("gaussian", "uniform", "correlated"):
        head = heads.for_space(ACTION, noise=noise)
        assert state_features.observed(head, None, SPACE, BATCH) is None
        state_features.check(head, spaces.Discrete(3))


@pytest.mark.parametrize(
    "part",
    [
        spaces.Discrete(3),
        spaces.MultiBinary(2),
        spaces.Box(0, 255, (4, 4), "uint8"),
    ],
    ids=["discrete", "binary", "image"],
)
def test_what_is_no_float_has_no_features(part):
    state_features.check(STATE_NOISE, SPACE)
    space = spaces.Dict({"at": part, "speed": spaces.Box(-9.0, 9.0, ())})
    with pytest.raises(ValueError, match="`noise` must not be") as error:
        state_features.check(STATE_NOISE, space)
    assert f"observation_space['at']={part}" in str(error.value)
    assert "noise='state'" in str(error.value)
