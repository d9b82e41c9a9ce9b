"""Heads by NumPy act as heads by TensorFlow."""

import gymnasium
import numpy as np
import pytest
import tensorflow as tf

from keras_cem import heads, prng
from keras_cem.heads import array_numbers

SIZE = 40
WORDS = (3, prng.EXPLORATION, 5)

BOX = gymnasium.spaces.Box(-0.5, 0.5, (2,), np.float64)
NESTED = gymnasium.spaces.Dict(
    {
        "turn": gymnasium.spaces.Box(-1.0, 1.0, (3,), np.float32),
        "gear": gymnasium.spaces.Discrete(4, start=-1),
    }
)
HEADS = {
    "two": heads.for_space(gymnasium.spaces.Discrete(2)),
    "five": heads.for_space(gymnasium.spaces.Discrete(5, start=7)),
    "one": heads.for_space(gymnasium.spaces.Discrete(1)),
    "multi": heads.for_space(gymnasium.spaces.MultiDiscrete([2, 5, 3])),
    "equal": heads.for_space(gymnasium.spaces.MultiDiscrete([[2, 2], [2, 2]])),
    "bits": heads.for_space(gymnasium.spaces.MultiBinary(3)),
    "gaussian": heads.for_space(BOX),
    "uniform": heads.for_space(BOX, noise="uniform"),
    "correlated": heads.for_space(BOX, noise="correlated"),
    "drawn": heads.for_space(BOX, imitate="drawn"),
    "nested": heads.for_space(NESTED),
}


def outputs(head, seed=0):
    """Random outputs, one array per leaf."""
    rng = np.random.default_rng(seed)
    return [
        rng.normal(size=(SIZE, *shape)).astype(np.float32)
        for shape in head.space.flatten(head.output_shape)
    ]


def assert_same(head, actions, expected):
    for leaf, action, other in zip(
        head.space.leaves, actions, head.space.flatten(expected), strict=True
    ):
        assert action.dtype == leaf.dtype
        assert action.shape == (SIZE, *leaf.shape)
        if np.issubdtype(leaf.dtype, np.floating):
            np.testing.assert_allclose(action, other, rtol=1e-5, atol=1e-6)
        else:
            np.testing.assert_array_equal(action, other)


@pytest.mark.parametrize("name", HEADS)
def test_greedy_actions(name):
    head = HEADS[name]
    values = outputs(head)
    expected = head.greedy(head.space.pack(list(map(tf.constant, values))))
    assert_same(head, head.on_arrays().greedy(values), expected)


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("epsilon", [0.0, 0.3])
def test_explored_actions_of_several_steps(name, epsilon):
    head = HEADS[name]
    on_arrays = head.on_arrays()
    key, array_key = prng.make_key(*WORDS), array_numbers.make_key(*WORDS)
    state = head.initial_exploration(SIZE)
    steps = np.arange(SIZE, dtype=np.uint32) % 2
    for step in range(3):
        values = outputs(head, seed=step)
        counter = (np.arange(SIZE, dtype=np.uint32), steps + np.uint32(step))
        expected, state = head.explore(
            head.space.pack(list(map(tf.constant, values))),
            tf.constant(epsilon),
            key,
            tuple(map(tf.constant, counter)),
            state,
        )
        numbers = on_arrays.numbers(array_key, counter)
        actions = on_arrays.explore(values, epsilon, numbers, counter[1])
        assert_same(head, actions, expected)


@pytest.mark.parametrize(
    ("space", "options"),
    [
        (gymnasium.spaces.Discrete(3), {"persistence": 4}),
        (BOX, {"noise": "state"}),
        (
            gymnasium.spaces.Tuple([BOX, gymnasium.spaces.Discrete(2)]),
            {"persistence": 2},
        ),
    ],
)
def test_other_exploration_needs_tensorflow(space, options):
    assert heads.for_space(space, **options).on_arrays() is None
