import gymnasium
import numpy as np
import pytest
import tensorflow as tf

from keras_cem import heads, prng, spaces

ROWS = 40_000
NVEC = [3, 2, 4]
START = [0, 10, -1]
# Of one observation: three logits, two, four.
LOGITS = np.array([1.0, 0.0, -1.0, 0.5, 0.0, 0.0, 1.0, -2.0, 0.5], np.float32)


def _head(nvec=NVEC, start=START, **kwargs):
    space = gymnasium.spaces.MultiDiscrete(nvec, start=start)
    return heads.MultiDiscreteHead(space, **kwargs)


def _explore(head, logits, epsilon, state=None, step=0):
    """Actions of ROWS trajectories, and the state to pass on."""
    rows = tf.cast(tf.range(ROWS), tf.uint32)
    return head.explore(
        tf.tile(tf.constant(logits)[None], (ROWS, 1)),
        tf.constant(epsilon, tf.float32),
        prng.make_key(3, prng.EXPLORATION, 0),
        (rows, tf.fill([ROWS], tf.constant(step, tf.uint32))),
        head.initial_exploration(ROWS) if state is None else state,
    )


def _softmax(logits):
    exponentials = np.exp(logits - np.max(logits))
    return exponentials / exponentials.sum()


def _split(logits):
    return np.split(logits, np.cumsum(NVEC)[:-1], axis=-1)


# Exploration


@pytest.mark.parametrize("epsilon", [0.0, 0.3, 1.0])
def test_explored_policy_is_the_product_of_the_mixtures(epsilon):
    actions, _ = _explore(_head(), LOGITS, epsilon)
    assert actions.shape == (ROWS, 3)
    assert actions.dtype == tf.int64
    marginals = [
        (1 - epsilon) * _softmax(part) + epsilon / n
        for part, n in zip(_split(LOGITS), NVEC, strict=True)
    ]
    joint = np.einsum("i,j,k->ijk", *marginals).ravel()
    index = np.ravel_multi_index((actions.numpy() - START).T, NVEC)
    counts = np.bincount(index, minlength=24)
    # chi^2 with 23 degrees of freedom exceeds 54.4 less than once in 4,000.
    assert np.sum((counts - ROWS * joint) ** 2 / (ROWS * joint)) < 54.4


def test_actions_lie_in_a_space_of_any_shape():
    nvec, start = np.array([[1, 2], [5, 3]]), np.array([[4, 0], [-2, 7]])
    head = heads.MultiDiscreteHead(
        spaces.MultiDiscrete(nvec, start=start, dtype="int32")
    )
    assert head.output_shape == (11,)
    actions, _ = _explore(head, np.zeros(11, np.float32), 0.5)
    assert actions.shape == (ROWS, 2, 2)
    space = head.space.to_gymnasium()
    for action in actions.numpy()[:100]:
        assert space.contains(action)
    seen = actions.numpy()
    np.testing.assert_array_equal(seen.min(axis=0), start)
    np.testing.assert_array_equal(seen.max(axis=0), start + nvec - 1)


def test_held_elements_are_random_ones_and_the_others_the_policys():
    """Each element by itself starts with probability 0.3 to hold."""
    head = _head(persistence=2)
    # The policy always takes the last value of each.
    logits = np.zeros(9, np.float32)
    logits[[2, 4, 8]] = 100.0
    last = np.add(START, NVEC) - 1
    first, state = _explore(head, logits, 0.3)
    second, _ = _explore(head, logits, 0.3, state, step=1)
    holds = state[1].numpy() > 0
    np.testing.assert_allclose(holds.mean(axis=0), 0.15, atol=0.01)
    first, second = first.numpy(), second.numpy()
    np.testing.assert_array_equal(second[holds], first[holds])
    share = (first != last).mean(axis=0)
    np.testing.assert_allclose(share, 0.3 * (1 - 1 / np.array(NVEC)), atol=0.01)


def test_without_persistence_there_is_no_state():
    assert _head().initial_exploration(5) == ()


@pytest.mark.slow
def test_draws_are_the_same_eager_and_compiled():
    head = _head()
    rows = tf.cast(tf.range(500), tf.uint32)

    def explore(logits):
        key = prng.make_key(1, 1)
        return head.explore(logits, 0.3, key, (rows, rows), ())[0]

    logits = tf.random.stateless_normal((500, 9), (1, 2))
    compiled = tf.function(explore, jit_compile=True)(logits)
    # A number within rounding of the border of two actions may go either way.
    assert np.sum(compiled.numpy() != explore(logits).numpy()) <= 1


def test_greedy_takes_the_first_largest_logit_of_each_element():
    logits = [[1.0, 3.0, 2.0, 0.0, 0.0, -4.0, -3.0, -2.0, -1.0]]
    greedy = _head().greedy(tf.constant(logits)).numpy()
    np.testing.assert_array_equal(greedy, [[1, 10, 2]])


# Loss


@pytest.mark.parametrize("beta", [0.0, 0.25])
def test_loss_is_the_sum_of_cross_entropies(beta):
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 3, (50, 9)).astype(np.float32)
    index = generator.integers(0, NVEC, (50, 3))
    head = _head(entropy_coefficient=beta)
    losses = head.loss(tf.constant(logits), tf.constant(index + START))
    expected = np.zeros(50)
    for row in range(50):
        for part, chosen in zip(_split(logits[row]), index[row], strict=True):
            policy = _softmax(part.astype(float))
            entropy = -np.sum(policy * np.log(policy))
            expected[row] += -np.log(policy[chosen]) - beta * entropy
    assert losses.dtype == tf.float32
    np.testing.assert_allclose(losses, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_gradient_is_that_of_the_loss_and_finite(jit_compile):
    """Also with XLA: softmax less one-hot, with padding left out."""
    head = _head()
    actions = tf.constant([[2, 10, -1]], tf.int64)

    @tf.function(jit_compile=jit_compile)
    def gradient(logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = head.loss(logits, actions)
        return tape.gradient(loss, logits)

    expected = np.concatenate([_softmax(part) for part in _split(LOGITS)])
    expected[[2, 3, 5]] -= 1
    np.testing.assert_allclose(
        gradient(tf.constant(LOGITS[None]))[0], expected, atol=1e-6
    )


def test_one_element_is_a_discrete_action():
    head = _head([4], [0])
    softmax = heads.SoftmaxHead(spaces.Discrete(4))
    logits = tf.random.stateless_normal((6, 4), (1, 2))
    actions = tf.constant([0, 1, 2, 3, 0, 1], tf.int64)
    np.testing.assert_allclose(
        head.loss(logits, actions[:, None]), softmax.loss(logits, actions)
    )


# Arguments


def test_config_makes_the_same_head():
    head = _head(persistence=3, entropy_coefficient=0.5)
    again = heads.deserialize(heads.serialize(head))
    assert isinstance(again, heads.MultiDiscreteHead)
    assert again.get_config() == head.get_config()
    assert again.space == head.space


@pytest.mark.parametrize("epsilon", [-0.1, 1.01])
def test_epsilon_that_is_no_share_is_refused(epsilon):
    with pytest.raises(ValueError, match=f"Received: epsilon={epsilon}"):
        _head().check_epsilon(epsilon)


@pytest.mark.parametrize("value", [-0.5, float("nan")])
def test_entropy_coefficient_out_of_range_is_refused(value):
    match = f"Received: entropy_coefficient={value}"
    with pytest.raises(ValueError, match=match):
        _head(entropy_coefficient=value)


def test_loss_of_compile_is_refused():
    with pytest.raises(ValueError, match="Received: loss='mse'"):
        _head().with_loss("mse")


def test_other_spaces_are_refused():
    with pytest.raises(ValueError, match="must be MultiDiscrete"):
        heads.MultiDiscreteHead(spaces.Discrete(3))
