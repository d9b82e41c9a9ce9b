import gymnasium
import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cem import heads, prng
from tests.helpers import stable_id

ROWS = 40_000
# Of a mean of ROWS numbers, in standard deviations; of their spread as well.
TOLERANCE = 5 / np.sqrt(ROWS)

# Half-widths 1, 2, 5 and middles 0, 3, -5.
LOW = np.array([-1.0, 1.0, -10.0], np.float32)
HIGH = np.array([1.0, 5.0, 0.0], np.float32)
HALF = np.array([1.0, 2.0, 5.0])
MIDDLE = np.array([0.0, 3.0, -5.0], np.float32)


def _space(dtype=np.float32):
    low, high = LOW.astype(dtype), HIGH.astype(dtype)
    return gymnasium.spaces.Box(low, high, dtype=dtype)


def _explore(head, outputs, epsilon, rows=ROWS):
    outputs = tf.constant(outputs)
    counter = (tf.range(rows), tf.zeros(rows, tf.int32))
    actions, _ = head.explore(
        tf.broadcast_to(outputs, (rows, *outputs.shape)),
        tf.constant(epsilon, tf.float32),
        prng.make_key(3, prng.EXPLORATION),
        tuple(tf.cast(word, tf.uint32) for word in counter),
        head.initial_exploration(rows),
    )
    return actions.numpy()


# Exploration


@pytest.mark.parametrize(
    # Standard deviation of the noise, and its fourth moment over the squared
    # second.
    ("noise", "deviation", "kurtosis"),
    [("gaussian", 1.0, 3.0), ("uniform", np.sqrt(1 / 3), 9 / 5)],
)
def test_noise_is_epsilon_half_widths_in_each_dimension(
    noise, deviation, kurtosis
):
    head = heads.BoxHead(_space(), noise=noise)
    # So little that nothing is clipped.
    noise = (_explore(head, MIDDLE, 0.1) - MIDDLE) / (0.1 * HALF)
    np.testing.assert_allclose(
        noise.mean(axis=0), 0.0, atol=TOLERANCE * deviation
    )
    np.testing.assert_allclose(
        noise.var(axis=0) / deviation**2,
        1.0,
        atol=TOLERANCE * np.sqrt(kurtosis - 1),
    )
    fourth = np.mean(noise.astype(float) ** 4, axis=0) / deviation**4
    np.testing.assert_allclose(fourth, kurtosis, rtol=0.1)
    correlations = np.corrcoef(noise.T) - np.eye(3)
    np.testing.assert_allclose(correlations, 0.0, atol=TOLERANCE)


def test_uniform_noise_stays_within_epsilon_half_widths():
    head = heads.BoxHead(_space(), noise="uniform")
    noise = (_explore(head, MIDDLE, 0.5) - MIDDLE) / HALF
    assert np.all(np.abs(noise) <= 0.5 + 1e-6)
    assert np.all(noise.max(axis=0) > 0.499)
    assert np.all(noise.min(axis=0) < -0.499)


def test_correlated_noise_is_epsilon_half_widths_in_each_step():
    head = heads.BoxHead(_space(), noise="correlated", correlation=0.8)
    outputs = tf.broadcast_to(tf.constant(MIDDLE), (ROWS, 3))
    state, noises = head.initial_exploration(ROWS), []
    for step in range(3):
        rows = tf.cast(tf.range(ROWS), tf.uint32)
        actions, state = head.explore(
            outputs,
            tf.constant(0.1),
            prng.make_key(3, prng.EXPLORATION),
            (rows, tf.fill([ROWS], np.uint32(step))),
            state,
        )
        noises.append((actions.numpy() - MIDDLE) / (0.1 * HALF))
    for noise in noises:
        np.testing.assert_allclose(
            noise.var(axis=0), 1.0, atol=TOLERANCE * np.sqrt(2)
        )
    products = np.mean(noises[0] * noises[2], axis=0)
    np.testing.assert_allclose(products, 0.8**2, atol=TOLERANCE * np.sqrt(2))


def test_explored_actions_are_clipped_to_the_box():
    """A normal of deviation 2 half-widths is outside with 2 Phi(-1/2)."""
    actions = _explore(heads.BoxHead(_space()), MIDDLE, 2.0)
    assert np.all((actions >= LOW) & (actions <= HIGH))
    outside = 0.6171  # 2 Phi(-1/2)
    for bound in (LOW, HIGH):
        share = np.mean(actions == bound, axis=0)
        np.testing.assert_allclose(share, outside / 2, atol=TOLERANCE / 2)


def test_drawn_actions_are_not_clipped_until_they_are_played():
    """A normal of deviation 2 half-widths stays one."""
    head = heads.BoxHead(_space(), imitate="drawn")
    drawn = _explore(head, MIDDLE, 2.0)
    noise = (drawn - MIDDLE) / (2.0 * HALF)
    np.testing.assert_allclose(
        noise.var(axis=0), 1.0, atol=TOLERANCE * np.sqrt(2)
    )
    played = heads.BoxHead(_space())
    clipped = _explore(played, MIDDLE, 2.0)
    np.testing.assert_array_equal(head.playable(tf.constant(drawn)), clipped)
    assert played.playable(drawn) is drawn
    assert head.exceeds
    assert not played.exceeds
    outputs = tf.constant(drawn[:20])
    np.testing.assert_array_equal(head.greedy(outputs), clipped[:20])
    np.testing.assert_array_equal(head.loss(outputs, outputs), np.zeros(20))


def test_outputs_outside_of_the_box_go_on_exploring():
    head = heads.BoxHead(_space(), imitate="drawn")
    far = (HIGH + 20 * HALF).astype(np.float32)
    inside = np.mean(_explore(head, far, 0.5) < HIGH, axis=0)
    np.testing.assert_allclose(inside, 0.5, atol=TOLERANCE / 2)


def test_drawn_actions_are_of_the_spaces_dtype():
    head = heads.BoxHead(_space(np.float64), imitate="drawn")
    drawn = tf.constant(_explore(head, MIDDLE, 5.0, rows=50))
    assert drawn.dtype == tf.float64
    for action in head.playable(drawn).numpy():
        assert _space(np.float64).contains(action)


def test_epsilon_0_gives_the_greedy_actions():
    head = heads.BoxHead(_space())
    outputs = np.random.default_rng(0).normal(0, 5, (20, 3)).astype(np.float32)
    counter = (tf.range(20), tf.zeros(20, tf.int32))
    explored, _ = head.explore(
        tf.constant(outputs),
        tf.constant(0.0),
        prng.make_key(0, 1),
        tuple(tf.cast(word, tf.uint32) for word in counter),
        head.initial_exploration(20),
    )
    np.testing.assert_array_equal(explored, head.greedy(tf.constant(outputs)))


def test_given_scale_is_that_of_the_noise():
    for scale in (0.5, [0.1, 1.0, 3.0]):
        head = heads.BoxHead(_space(), scale=scale)
        noise = _explore(head, MIDDLE, 0.1) - MIDDLE
        np.testing.assert_allclose(
            noise.std(axis=0),
            0.1 * np.broadcast_to(scale, 3),
            rtol=TOLERANCE,
        )


@pytest.mark.parametrize("shape", [(), (1,), (2, 3)])
def test_actions_have_the_spaces_shape(shape):
    space = gymnasium.spaces.Box(-1, 1, shape)
    head = heads.BoxHead(space)
    assert head.output_shape == shape
    actions = _explore(head, np.zeros(shape, np.float32), 0.5, rows=10)
    assert actions.shape == (10, *shape)
    assert len(np.unique(actions)) == actions.size
    greedy = head.greedy(tf.zeros((10, *shape)))
    assert greedy.shape == (10, *shape)
    assert head.loss(greedy, greedy).shape == (10,)


# Actions as the environment takes them


def test_greedy_is_the_clipped_output():
    head = heads.BoxHead(_space())
    outputs = tf.constant([[-3.0, 3.0, 1.0], [0.5, 7.0, -4.0]])
    assert head.greedy(outputs).numpy().tolist() == [
        [-1.0, 3.0, 0.0],
        [0.5, 5.0, -4.0],
    ]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bound", [0.1, 0.3, 1 / 3, 1e-3, 12345.6789])
def test_clipped_actions_are_inside_of_the_gymnasium_space(dtype, bound):
    """0.1 in float32 is larger than in float64."""
    space = gymnasium.spaces.Box(
        np.full(2, -bound, dtype), np.full(2, bound, dtype), dtype=dtype
    )
    head = heads.BoxHead(space)
    actions = [
        head.greedy(tf.constant([[-9.0, 9.0]]) * bound).numpy()[0],
        *_explore(head, np.zeros(2, np.float32), 5.0, rows=50),
    ]
    for action in actions:
        assert action.dtype == dtype
        assert space.contains(action), action
    assert np.abs(actions[0]).tolist() == space.high.tolist()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_outputs_of_another_precision_are_taken(dtype):
    head = heads.BoxHead(_space())
    outputs = tf.cast(tf.constant([[0.5, 2.0, -4.0]]), dtype)
    assert head.greedy(outputs).dtype == tf.float32
    np.testing.assert_array_equal(head.greedy(outputs), [[0.5, 2.0, -4.0]])
    loss = head.loss(outputs, tf.constant([[0.0, 2.0, -4.0]]))
    assert loss.dtype == tf.float32
    np.testing.assert_allclose(loss, [0.25])
    assert _explore(head, outputs[0], 0.5, rows=2).dtype == np.float32


# Infinite bounds


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (-np.inf, np.inf),
        (0.0, np.inf),
        (np.array([0.0, 0.0], np.float32), np.array([1.0, np.inf], np.float32)),
    ],
)
def test_infinite_bounds_are_refused_unless_a_scale_is_given(low, high):
    space = gymnasium.spaces.Box(low, high, (2,))
    with pytest.raises(ValueError, match="finite, positive scale") as error:
        heads.BoxHead(space)
    assert "Received: action_space=Box(low=" in str(error.value)
    assert "'inf'" in str(error.value)
    assert "Set `action_scale`" in str(error.value)

    head = heads.BoxHead(space, scale=2.0)
    actions = _explore(head, np.array([100.0, 100.0], np.float32), 0.5)
    assert np.all(actions <= space.high)
    free = actions[:, np.isinf(space.high)] - 100.0
    np.testing.assert_allclose(free.std(axis=0), 1.0, rtol=TOLERANCE)


def test_widest_finite_bounds_have_a_scale():
    largest = np.finfo(np.float32).max
    head = heads.BoxHead(gymnasium.spaces.Box(-largest, largest, (1,)))
    np.testing.assert_array_equal(head.scale, [largest])


def test_bounds_without_width_are_refused():
    space = gymnasium.spaces.Box(
        np.array([0.0, 3.0], np.float32), np.array([1.0, 3.0], np.float32)
    )
    with pytest.raises(ValueError, match=r"scale=\[0.5 0. \]"):
        heads.BoxHead(space)


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf, [1.0, 0.0, 1.0]])
def test_scale_that_is_not_positive_is_refused(scale):
    with pytest.raises(ValueError, match="positive and finite") as error:
        heads.BoxHead(_space(), scale=scale)
    assert f"scale={np.float32(scale)}" in str(error.value)


@pytest.mark.parametrize("shape", [(2,), (3, 1), (1, 3)])
def test_scale_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match="`action_scale` must be a") as error:
        heads.BoxHead(_space(), scale=np.ones(shape))
    assert f"of shape {shape}" in str(error.value)


@pytest.mark.parametrize("scale", ["large", [[1.0], [2.0, 3.0]]])
def test_scale_that_is_no_number_is_refused(scale):
    with pytest.raises((TypeError, ValueError), match="`action_scale` must be"):
        heads.BoxHead(_space(), scale=scale)


# Loss


def _pairs(rows=50):
    generator = np.random.default_rng(0)
    outputs = generator.normal(0, 3, (rows, 3)).astype(np.float32)
    actions = generator.uniform(LOW, HIGH, (rows, 3)).astype(np.float32)
    return outputs, actions


def test_loss_is_the_square_of_the_scaled_distance():
    outputs, actions = _pairs()
    losses = heads.BoxHead(_space()).loss(outputs, actions)
    expected = np.sum(((outputs - actions) / HALF) ** 2, axis=1)
    assert losses.dtype == tf.float32
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


def test_loss_on_the_unit_box_is_the_lectures():
    """||F(s) - a||^2."""
    outputs, actions = _pairs()
    head = heads.BoxHead(gymnasium.spaces.Box(-1, 1, (3,)))
    expected = np.linalg.norm(outputs - actions, axis=1) ** 2
    np.testing.assert_allclose(head.loss(outputs, actions), expected, rtol=1e-5)


def test_loss_of_matrices_sums_over_all_entries():
    generator = np.random.default_rng(1)
    outputs, actions = generator.normal(size=(2, 20, 2, 3)).astype(np.float32)
    scale = np.arange(1.0, 7.0).reshape(2, 3)
    head = heads.BoxHead(gymnasium.spaces.Box(-9, 9, (2, 3)), scale=scale)
    expected = np.sum(((outputs - actions) / scale) ** 2, axis=(1, 2))
    np.testing.assert_allclose(head.loss(outputs, actions), expected, rtol=1e-5)


def _huber(distance, delta):
    inside = distance**2 / 2
    outside = delta * np.abs(distance) - delta**2 / 2
    return np.where(np.abs(distance) <= delta, inside, outside)


@pytest.mark.parametrize(
    ("loss", "function"),
    [
        ("mse", np.square),
        ("mae", np.abs),
        ("huber", lambda distance: _huber(distance, 1.0)),
        (keras.losses.MeanAbsoluteError(), np.abs),
        (keras.losses.Huber(delta=0.5), lambda distance: _huber(distance, 0.5)),
        (keras.losses.mean_absolute_error, np.abs),
        # How it reduces a batch means nothing here.
        (keras.losses.MeanSquaredError(reduction="sum"), np.square),
    ],
    ids=stable_id,
)
def test_given_loss_is_summed_over_scaled_dimensions(loss, function):
    outputs, actions = _pairs()
    head = heads.BoxHead(_space()).with_loss(loss)
    expected = np.sum(function((outputs - actions) / HALF), axis=1)
    np.testing.assert_allclose(head.loss(outputs, actions), expected, rtol=1e-5)


def test_with_loss_keeps_everything_else():
    head = heads.BoxHead(
        _space(),
        scale=[1, 2, 3],
        noise="correlated",
        correlation=0.5,
        imitate="drawn",
    )
    assert head.with_loss(None) is head
    other = head.with_loss("mae")
    assert other.imitate == "drawn"
    assert other.space == head.space
    assert (other.noise, other.correlation) == ("correlated", 0.5)
    np.testing.assert_array_equal(other.scale, [1, 2, 3])


def test_unknown_loss_is_refused():
    with pytest.raises(ValueError, match="no_loss"):
        heads.BoxHead(_space()).with_loss("no_loss")


# Arguments


# Not Huber: Keras 3.15.1 loses its delta (keras-team/keras#23286).
@pytest.mark.parametrize(
    "loss", [None, "mae", keras.losses.MeanAbsoluteError()]
)
def test_config_makes_the_same_head(loss):
    head = heads.BoxHead(
        _space(np.float64), [1, 2, 3], "correlated", loss, 0.5, "drawn"
    )
    again = heads.BoxHead(**head.get_config())
    assert again.imitate == "drawn"
    assert again.space == head.space
    assert (again.noise, again.correlation) == ("correlated", 0.5)
    outputs, actions = _pairs()
    np.testing.assert_array_equal(
        again.loss(outputs, actions), head.loss(outputs, actions)
    )


def test_unknown_noise_is_refused():
    with pytest.raises(ValueError, match="`noise` must be one of") as error:
        heads.BoxHead(_space(), noise="pink")
    assert "Received: noise='pink'" in str(error.value)


def test_box_of_integers_is_refused():
    space = gymnasium.spaces.Box(0, 255, (2,), np.uint8)
    with pytest.raises(ValueError, match="must be a Box of floats") as error:
        heads.BoxHead(space)
    assert "of dtype uint8" in str(error.value)


@pytest.mark.parametrize("epsilon", [0.0, 0.5, 1.0, 7.5])
def test_any_size_of_noise_is_accepted(epsilon):
    heads.BoxHead(_space()).check_epsilon(epsilon)


@pytest.mark.parametrize("epsilon", [-0.1, float("nan"), float("inf")])
def test_epsilon_that_is_no_size_is_refused(epsilon):
    with pytest.raises(ValueError, match="`epsilon` must be") as error:
        heads.BoxHead(_space()).check_epsilon(epsilon)
    assert f"Received: epsilon={epsilon}" in str(error.value)


def test_other_spaces_are_refused():
    with pytest.raises(
        ValueError, match=r"must be Box\. Received: action_space"
    ):
        heads.BoxHead(gymnasium.spaces.Discrete(3))
