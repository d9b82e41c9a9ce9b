import json
import re

import gymnasium
import numpy as np
import pytest
import tensorflow as tf

from keras_cem import heads, prng, spaces

ROWS = 20_000
SPACE = spaces.Dict(
    {
        "aim": spaces.Box([-2.0, 0.0], [2.0, 10.0]),
        "go": spaces.Tuple([spaces.Discrete(2), spaces.Discrete(2)]),
    }
)
AIM, LEFT, RIGHT = SPACE.leaves
OUTPUTS = {
    "aim": np.array([0.5, 4.0], np.float32),
    "go": (np.zeros(2, np.float32), np.array([0.0, 1.0], np.float32)),
}


def _explore(head, epsilon=0.5, key=None):
    rows = tf.cast(tf.range(ROWS), tf.uint32)
    return head.explore(
        tf.nest.map_structure(
            lambda leaf: tf.tile(tf.constant(leaf)[None], (ROWS, 1)), OUTPUTS
        ),
        tf.constant(epsilon, tf.float32),
        prng.make_key(3, prng.EXPLORATION) if key is None else key,
        (rows, tf.zeros_like(rows)),
        head.initial_exploration(ROWS),
    )


def test_every_leaf_acts_and_learns_by_its_own_head():
    head = heads.for_space(SPACE)
    assert [type(part).__name__ for part in head.heads] == [
        "BoxHead",
        "SoftmaxHead",
        "SoftmaxHead",
    ]
    assert head.output_shape == {"aim": (2,), "go": ((2,), (2,))}
    assert head.max_epsilon == 1


def test_leaves_are_explored_as_each_alone_with_a_key_of_its_own():
    """In the order of the leaves, the key folded with their number."""
    actions, state = _explore(heads.for_space(SPACE))
    key = prng.make_key(3, prng.EXPLORATION)
    rows = tf.cast(tf.range(ROWS), tf.uint32)
    for number, (leaf, acted, output) in enumerate(
        zip(
            SPACE.leaves,
            SPACE.flatten(actions),
            SPACE.flatten(OUTPUTS),
            strict=True,
        )
    ):
        alone, _ = heads.for_space(leaf).explore(
            tf.tile(tf.constant(output)[None], (ROWS, 1)),
            tf.constant(0.5),
            prng.fold_in(key, number),
            (rows, tf.zeros_like(rows)),
            (),
        )
        np.testing.assert_array_equal(acted, alone)
    assert state == ((), (), ())


def test_leaves_are_played_each_by_its_own_head():
    head = heads.for_space(SPACE, imitate="drawn")
    assert head.exceeds
    assert not heads.for_space(SPACE).exceeds
    drawn, _ = _explore(head, epsilon=1.0)
    played = head.playable(drawn)
    assert np.any(drawn["aim"] > AIM.high)
    np.testing.assert_array_equal(played["aim"], AIM.clip(drawn["aim"].numpy()))
    for part, same in zip(drawn["go"], played["go"], strict=True):
        np.testing.assert_array_equal(part, same)


def test_leaves_are_explored_independently():
    """Two fair coins fall alike half of the time, whatever the box draws."""
    actions, _ = _explore(heads.for_space(SPACE), epsilon=1.0)
    aim, (left, right) = actions["aim"].numpy(), actions["go"]
    alike = np.mean(left.numpy() == right.numpy())
    assert abs(alike - 0.5) < 5 * np.sqrt(0.25 / ROWS)
    for coin in (left, right):
        correlation = np.corrcoef(aim[:, 0], coin)[0, 1]
        assert abs(correlation) < 5 / np.sqrt(ROWS)


def test_state_of_exploration_is_that_of_each_leaf():
    head = heads.for_space(SPACE, noise="correlated", persistence=5)
    _, state = _explore(head)
    initial = head.initial_exploration(ROWS)
    tf.nest.assert_same_structure(state, initial)
    noise, *held = state
    assert noise.shape == (ROWS, 2)
    assert [leaf.shape for leaf in tf.nest.flatten(held)] == [(ROWS, 1)] * 4


def test_greedy_is_that_of_each_leaf():
    outputs = tf.nest.map_structure(lambda leaf: leaf[None], OUTPUTS)
    greedy = heads.for_space(SPACE).greedy(outputs)
    np.testing.assert_array_equal(greedy["aim"], [[0.5, 4.0]])
    assert isinstance(greedy["go"], tuple)
    assert [leaf.numpy().tolist() for leaf in greedy["go"]] == [[0], [1]]


def test_loss_is_the_sum_over_the_leaves():
    generator = np.random.default_rng(0)
    aim = generator.normal(size=(9, 2)).astype(np.float32)
    logits = generator.normal(size=(2, 9, 2)).astype(np.float32)
    target = generator.uniform(AIM.low, AIM.high, (9, 2)).astype(np.float32)
    index = generator.integers(0, 2, (2, 9))
    losses = heads.for_space(SPACE).loss(
        {"aim": tf.constant(aim), "go": [tf.constant(part) for part in logits]},
        {"aim": target, "go": tuple(index)},
    )
    expected = (((aim - target) / [2.0, 5.0]) ** 2).sum(axis=1)
    for part, chosen in zip(logits, index, strict=True):
        total = np.log(np.exp(part).sum(axis=1))
        expected += total - part[np.arange(9), chosen]
    assert losses.dtype == tf.float32
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


def test_loss_of_compile_is_that_of_the_boxes():
    head = heads.for_space(SPACE).with_loss("mae")
    outputs = tf.nest.map_structure(lambda leaf: leaf[None], OUTPUTS)
    actions = {"aim": np.array([[1.5, -1.0]]), "go": ([0], [0])}
    expected = 1.0 / 2 + 5.0 / 5 + np.log(2) + np.log(1 + np.e)
    np.testing.assert_allclose(head.loss(outputs, actions), [expected])
    assert heads.for_space(SPACE).with_loss(None).get_config() == (
        heads.for_space(SPACE).get_config()
    )


def test_only_output_of_a_tuple_may_be_bare():
    """As a functional model with outputs=(x,) returns it."""
    head = heads.for_space(spaces.Tuple([spaces.Discrete(3)]))
    (greedy,) = head.greedy(tf.constant([[0.0, 1.0, 0.0]]))
    assert greedy.numpy().tolist() == [1]


def test_config_goes_to_json_and_back():
    head = heads.for_space(
        SPACE,
        noise="uniform",
        persistence=4,
        entropy_coefficient=0.5,
        action_scale={"aim": [1.0, 3.0], "go": (None, None)},
    ).with_loss("mae")
    config = json.loads(json.dumps(heads.serialize(head)))
    again = heads.deserialize(config)
    assert again.get_config() == head.get_config()
    assert [part.get_config() for part in again.heads] == [
        part.get_config() for part in head.heads
    ]
    np.testing.assert_array_equal(again.heads[0].scale, [1.0, 3.0])


# Errors


def test_loss_of_compile_is_refused_where_nothing_is_a_box():
    head = heads.for_space(spaces.Tuple([spaces.Discrete(2)]))
    with pytest.raises(ValueError, match="Received: loss='mae'"):
        head.with_loss("mae")


def test_head_of_another_space_is_refused_by_its_path():
    aim, left, right = (heads.for_space(leaf) for leaf in SPACE.leaves)
    three = heads.for_space(spaces.Discrete(3))
    with pytest.raises(ValueError, match=re.escape("`heads['go'][1]`")) as e:
        heads.CompositeHead(SPACE, {"aim": aim, "go": (left, three)})
    assert "Received: a SoftmaxHead for Discrete(n=3" in str(e.value)
    with pytest.raises(ValueError, match=re.escape("`heads['go']` must be")):
        heads.CompositeHead(SPACE, {"aim": aim, "go": right})


def test_unknown_kind_of_head_is_refused():
    with pytest.raises(ValueError, match="Received: kind='Heads'"):
        heads.deserialize({"kind": "Heads"})


@pytest.mark.parametrize("epsilon", [-0.1, 1.5])
def test_epsilon_beyond_that_of_any_leaf_is_refused(epsilon):
    with pytest.raises(ValueError, match=f"Received: epsilon={epsilon}"):
        heads.for_space(SPACE).check_epsilon(epsilon)


def test_gymnasium_space_is_taken():
    space = gymnasium.spaces.Dict(a=gymnasium.spaces.MultiBinary(2))
    head = heads.CompositeHead(
        space, {"a": heads.MultiBinaryHead(spaces.MultiBinary(2))}
    )
    assert head.output_shape == {"a": (2,)}
