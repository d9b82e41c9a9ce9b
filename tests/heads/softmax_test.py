import gymnasium
import numpy as np
import pytest
import tensorflow as tf

from keras_cem import heads, prng, spaces

ROWS = 40_000
LOGITS = np.array([1.5, 0.0, -1.0, 0.25], np.float32)


def _softmax(logits):
    exponentials = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def _counter(rows):
    return tf.range(rows, dtype=tf.int64), tf.zeros(rows, tf.int64)


def _explore(head, logits, epsilon, *, rows=ROWS, iteration=0):
    trajectories, steps = _counter(rows)
    actions, _ = head.explore(
        tf.tile(tf.constant(logits)[None], (rows, 1)),
        tf.constant(epsilon, tf.float32),
        prng.make_key(3, prng.EXPLORATION, iteration),
        (tf.cast(trajectories, tf.uint32), tf.cast(steps, tf.uint32)),
        head.initial_exploration(rows),
    )
    return actions.numpy()


def _head(n=4, **kwargs):
    return heads.SoftmaxHead(gymnasium.spaces.Discrete(n, **kwargs))


# Exploration


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.5, 1.0])
def test_explored_policy_is_the_mixture(epsilon):
    """pi_n(i|s) = (1 - epsilon) softmax(F(s))_i + epsilon / m."""
    expected = (1 - epsilon) * _softmax(LOGITS) + epsilon / 4
    counts = np.bincount(_explore(_head(), LOGITS, epsilon), minlength=4)
    # chi^2 with 3 degrees of freedom exceeds 21.1 once in 10,000.
    distance = (counts - ROWS * expected) ** 2 / (ROWS * expected)
    assert np.sum(distance) < 21.1


def test_explored_policy_is_the_mixture_for_many_actions():
    logits = np.linspace(-3, 3, 300).astype(np.float32)
    expected = 0.8 * _softmax(logits) + 0.2 / 300
    actions = _explore(_head(300), logits, 0.2)
    counts = np.bincount(actions, minlength=300)
    distance = (counts - ROWS * expected) ** 2 / (ROWS * expected)
    # 299 degrees of freedom: mean 299, standard deviation 24.5.
    assert np.sum(distance) < 299 + 4 * 24.5


def test_epsilon_0_never_takes_an_action_of_probability_0():
    logits = np.array([-1e9, 2.0, -1e9, 2.0, -1e9], np.float32)
    assert set(_explore(_head(5), logits, 0.0)) == {1, 3}


def test_epsilon_1_ignores_the_policy():
    certain = np.array([1e9, 0.0, 0.0, 0.0], np.float32)
    np.testing.assert_array_equal(
        _explore(_head(), certain, 1.0), _explore(_head(), LOGITS, 1.0)
    )


def test_a_single_action_is_always_taken():
    assert set(_explore(_head(1, start=7), np.zeros(1, np.float32), 0.5)) == {7}


def test_actions_are_drawn_anew_in_each_iteration():
    first = _explore(_head(), LOGITS, 0.5)
    np.testing.assert_array_equal(first, _explore(_head(), LOGITS, 0.5))
    other = _explore(_head(), LOGITS, 0.5, iteration=1)
    assert np.mean(first == other) < 0.6


def test_draws_are_the_same_eager_and_compiled():
    head, (trajectories, steps) = _head(), _counter(1000)

    def explore(logits):
        actions, _ = head.explore(
            logits,
            0.3,
            prng.make_key(1, 1),
            (tf.cast(trajectories, tf.uint32), tf.cast(steps, tf.uint32)),
            head.initial_exploration(1000),
        )
        return actions

    logits = tf.random.stateless_normal((1000, 4), (1, 2))
    compiled = tf.function(explore, jit_compile=True)(logits)
    # A number within rounding of the border of two actions may go either way.
    assert np.sum(compiled.numpy() != explore(logits).numpy()) <= 1


def test_held_actions_are_random_ones_and_the_others_the_policys():
    """Epsilon 0.3 of the first decisions; 1/2 of these last another step."""
    space = gymnasium.spaces.Discrete(4, start=10)
    head = heads.SoftmaxHead(space, persistence=2)
    # The policy always takes the last action.
    logits = tf.tile([[0.0, 0.0, 0.0, 100.0]], (ROWS, 1))
    rows = tf.range(ROWS, dtype=tf.int32)
    state, played = head.initial_exploration(ROWS), []
    for step in range(2):
        counter = (tf.cast(rows, tf.uint32), tf.fill([ROWS], np.uint32(step)))
        actions, state = head.explore(
            logits, tf.constant(0.3), prng.make_key(3, 1), counter, state
        )
        played.append(actions.numpy())
    assert played[0].dtype == np.int64
    # Of the other three actions, which only exploration takes.
    first = played[0] < 13
    margin = 5 * np.sqrt(0.25 / ROWS)
    assert abs(first.mean() - 0.3 * 3 / 4) < margin
    alike = (played[0] == played[1])[first].mean()
    # Held, or random again and the same.
    expected = 1 / 2 + 1 / 2 * 0.3 / 4
    assert abs(alike - expected) < 5 * np.sqrt(0.25 / first.sum())


def test_entropy_coefficient_lowers_the_loss_by_the_entropy():
    space = gymnasium.spaces.Discrete(4, start=2)
    actions = tf.constant([3], tf.int64)
    plain = heads.SoftmaxHead(space).loss([LOGITS], actions)
    less = heads.SoftmaxHead(space, entropy_coefficient=0.5).loss(
        [LOGITS], actions
    )
    shares = _softmax(LOGITS)
    entropy = -np.sum(shares * np.log(shares))
    np.testing.assert_allclose(plain - less, [0.5 * entropy], rtol=1e-5)


# Actions as the environment takes them


@pytest.mark.parametrize("start", [-2, 0, 5])
@pytest.mark.parametrize("dtype", ["int64", "int32", "int8"])
def test_actions_begin_at_start_and_have_the_spaces_dtype(start, dtype):
    head = heads.SoftmaxHead(spaces.Discrete(4, start=start, dtype=dtype))
    explored = _explore(head, LOGITS, 1.0, rows=100)
    greedy = head.greedy(tf.constant([LOGITS, -LOGITS])).numpy()
    assert set(explored) == set(range(start, start + 4))
    assert greedy.tolist() == [start, start + 2]
    assert explored.dtype == greedy.dtype == dtype


def test_actions_are_inside_of_the_gymnasium_space():
    space = gymnasium.spaces.Discrete(4, start=-2)
    for action in _explore(heads.SoftmaxHead(space), LOGITS, 0.5, rows=50):
        assert space.contains(action)


def test_greedy_takes_the_first_of_equal_logits():
    logits = tf.constant([[0.0, 1.0, 1.0], [2.0, 2.0, 2.0]])
    assert _head(3).greedy(logits).numpy().tolist() == [1, 0]


# Loss


@pytest.mark.parametrize("start", [-2, 0, 5])
def test_loss_is_minus_the_log_of_the_softmax(start):
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 3, (50, 4)).astype(np.float32)
    index = generator.integers(0, 4, 50)
    losses = _head(4, start=start).loss(
        tf.constant(logits), tf.constant(index + start)
    )
    expected = -np.log(_softmax(logits.astype(float))[np.arange(50), index])
    assert losses.dtype == tf.float32
    np.testing.assert_allclose(losses, expected, rtol=1e-5, atol=1e-6)


def test_loss_of_certain_logits_is_finite():
    logits = tf.constant([[1e4, -1e4], [1e4, -1e4]])
    losses = _head(2).loss(logits, tf.constant([0, 1], tf.int64))
    np.testing.assert_allclose(losses, [0.0, 2e4])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_outputs_of_another_precision_are_taken(dtype):
    logits = tf.cast(tf.constant([LOGITS]), dtype)
    loss = _head().loss(logits, tf.constant([0], tf.int64))
    assert loss.dtype == tf.float32
    expected = -np.log(_softmax(LOGITS)[0])
    np.testing.assert_allclose(loss, [expected], rtol=1e-2)
    assert _head().greedy(logits).numpy() == [0]
    key, counter = prng.make_key(0, 1), (tf.zeros(1, tf.uint32),) * 2
    actions, _ = _head().explore(logits, 0.1, key, counter, ())
    assert actions.dtype == tf.int64


# Arguments


def test_output_shape_is_one_logit_an_action():
    assert _head(7).output_shape == (7,)


def test_config_makes_the_same_head():
    space = gymnasium.spaces.Discrete(4, start=-1)
    head = heads.SoftmaxHead(space, persistence=7, entropy_coefficient=0.5)
    again = heads.SoftmaxHead(**head.get_config())
    assert again.space == head.space
    assert again.holding.longest == 7
    assert again.entropy_coefficient == 0.5
    assert again.get_config() == head.get_config()


@pytest.mark.parametrize("epsilon", [0, 0.0, 0.5, 1.0])
def test_share_of_random_actions_is_accepted(epsilon):
    _head().check_epsilon(epsilon)


@pytest.mark.parametrize("epsilon", [-0.1, 1.01, float("nan"), float("inf")])
def test_epsilon_that_is_no_share_is_refused(epsilon):
    with pytest.raises(ValueError, match=r"`epsilon` must be in \[0, 1") as e:
        _head().check_epsilon(epsilon)
    assert f"Received: epsilon={epsilon}" in str(e.value)


def test_loss_of_compile_is_refused():
    assert _head().with_loss(None).loss is not None
    with pytest.raises(ValueError, match="`loss` of `compile` must be") as e:
        _head().with_loss("mse")
    assert "Received: loss='mse'" in str(e.value)


def test_other_spaces_are_refused():
    with pytest.raises(
        ValueError, match=r"must be Discrete\. Received: action_"
    ):
        heads.SoftmaxHead(gymnasium.spaces.Box(0, 1, (2,)))
