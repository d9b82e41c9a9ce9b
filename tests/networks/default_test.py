import gymnasium
import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cem import spaces
from keras_cem.networks import default_critic, default_policy

OBSERVATION = gymnasium.spaces.Box(-1.0, 1.0, (4,))


def _observations(space, rows):
    rng = np.random.default_rng(0)
    if isinstance(space, spaces.Integers):
        shape = (rows, *space.shape)
        return rng.integers(space.first, np.add(space.last, 1), shape)
    return rng.normal(size=(rows, *space.shape)).astype(space.dtype)


@pytest.mark.parametrize(
    "observation_space",
    [
        spaces.Box(-1, 1, (4,)),
        spaces.Box(-1, 1, ()),
        spaces.Box(-1, 1, (2, 3)),
        spaces.Box(-1, 1, (4,), "float64"),
        spaces.Box(0, 255, (4, 4, 3), "uint8"),
        spaces.Discrete(5),
        spaces.Discrete(5, start=-2),
        spaces.Discrete(5, start=3, dtype="uint8"),
        spaces.MultiDiscrete([[2, 3]], start=[[0, -1]]),
        spaces.MultiBinary((2, 2)),
    ],
    ids=repr,
)
@pytest.mark.parametrize(
    ("action_space", "shape"),
    [
        (spaces.Discrete(3), (3,)),
        (spaces.Box(-1, 1, ()), ()),
        (spaces.Box(-1, 1, (2,)), (2,)),
        (spaces.Box(-1, 7, (2, 3), "float64"), (2, 3)),
        (spaces.MultiDiscrete([[2, 3]]), (5,)),
        (spaces.MultiBinary((2, 2)), (2, 2)),
    ],
    ids=repr,
)
def test_outputs_fit_the_spaces(observation_space, action_space, shape):
    policy = default_policy(observation_space, action_space, hidden_units=(5,))
    (inputs,) = policy.inputs
    assert inputs.name == "observations"
    assert inputs.dtype == observation_space.dtype
    assert inputs.shape == (None, *observation_space.shape)
    assert policy.output_shape == (None, *shape)
    observations = _observations(observation_space, 3)
    outputs = policy(observations.astype(observation_space.dtype))
    assert outputs.shape == (3, *shape)
    assert np.all(np.isfinite(outputs))


def test_gymnasium_spaces_are_taken_like_descriptions():
    policy = default_policy(OBSERVATION, gymnasium.spaces.Discrete(2))
    assert policy.output_shape == (None, 2)
    assert policy.count_params() == 4 * 128 + 128 + 128 * 2 + 2


def test_discrete_observations_are_one_hot():
    """Each observation has logits of its own: a linear policy is a table."""
    policy = default_policy(
        spaces.Discrete(3, start=-1), spaces.Discrete(2), hidden_units=()
    )
    kernel, bias = policy.get_weights()
    assert kernel.shape == (3, 2)
    logits = policy(tf.constant([-1, 0, 1, 0])).numpy()
    np.testing.assert_allclose(logits, kernel[[0, 1, 2, 1]] + bias)


def test_box_outputs_are_moved_to_the_box():
    low, high = np.array([-1.0, 1.0, -10.0]), np.array([1.0, 5.0, 0.0])
    common = {"hidden_units": (), "seed": 0}
    unit = default_policy(OBSERVATION, spaces.Box(-1, 1, (3,)), **common)
    moved = default_policy(OBSERVATION, spaces.Box(low, high), **common)
    observations = _observations(spaces.get(OBSERVATION), 9)
    np.testing.assert_allclose(
        moved(observations),
        (low + high) / 2 + (high - low) / 2 * unit(observations),
        rtol=1e-5,
        atol=1e-5,
    )


def test_outputs_for_the_unit_box_need_no_moving():
    policy = default_policy(OBSERVATION, spaces.Box(-1, 1, (3,)))
    assert [layer.name for layer in policy.layers] == [
        "observations",
        "hidden_1",
        "outputs",
    ]


@pytest.mark.parametrize(
    ("low", "high", "middle"),
    [
        (-np.inf, np.inf, [0, 0]),
        (0.0, np.inf, [0, 0]),
        ([0.0, -np.inf], [6.0, 5.0], [3, 0]),
    ],
)
def test_infinite_boxes_are_scaled_as_given(low, high, middle):
    common = {"hidden_units": (), "seed": 0}
    unit = default_policy(OBSERVATION, spaces.Box(-1, 1, (2,)), **common)
    moved = default_policy(
        OBSERVATION, spaces.Box(low, high, (2,)), action_scale=4.0, **common
    )
    observations = _observations(spaces.get(OBSERVATION), 9)
    np.testing.assert_allclose(
        moved(observations),
        np.array(middle) + 4.0 * unit(observations).numpy(),
        rtol=1e-5,
        atol=1e-5,
    )


def test_given_scale_stands_for_the_half_width():
    policy = default_policy(
        OBSERVATION,
        spaces.Box(-2, 6, (2,)),
        action_scale=[0.5, 3.0],
        hidden_units=(),
        kernel_initializer="zeros",
        bias_initializer="ones",
    )
    # Middle 2, plus one of the scale.
    np.testing.assert_allclose(policy(np.zeros((1, 4))), [[2.5, 5.0]])


def test_arguments_of_mlp_are_passed_on():
    policy = default_policy(
        spaces.Discrete(3),
        spaces.Discrete(2),
        hidden_units=(7, 5),
        activation="tanh",
        dropout=0.5,
    )
    names = [layer.name for layer in policy._flatten_layers()]
    assert "hidden_2" in names
    assert "hidden_2_dropout" in names


@pytest.mark.parametrize(
    ("observation_space", "action_space"),
    [
        (spaces.Discrete(3, start=1), spaces.Discrete(2)),
        (spaces.Box(-1, 1, (4,), "float64"), spaces.Box(0, 9, (2, 2))),
    ],
    ids=repr,
)
def test_policy_can_be_saved(observation_space, action_space, tmp_path):
    policy = default_policy(observation_space, action_space)
    policy.save(tmp_path / "policy.keras")
    again = keras.saving.load_model(tmp_path / "policy.keras")
    observations = _observations(observation_space, 5)
    np.testing.assert_array_equal(again(observations), policy(observations))


def test_same_seed_same_weights():
    for observation_space in (OBSERVATION, spaces.Discrete(4)):
        first, same, other = (
            default_policy(observation_space, spaces.Discrete(2), seed=seed)
            for seed in (1, 1, 2)
        )
        for a, b in zip(first.weights, same.weights, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
        assert np.any(first.weights[0].numpy() != other.weights[0].numpy())


def test_policy_compiles_with_xla():
    policy = default_policy(spaces.Discrete(3, start=1), spaces.Box(0, 9, (2,)))
    observations = tf.constant([1, 2, 3], tf.int64)
    compiled = tf.function(policy, jit_compile=True)
    np.testing.assert_allclose(
        compiled(observations), policy(observations), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("argument", "place"), [("observation_space", 0), ("action_space", 1)]
)
def test_unsupported_space_is_named(argument, place):
    arguments = [OBSERVATION, OBSERVATION]
    arguments[place] = gymnasium.spaces.Text(3)
    with pytest.raises(ValueError, match=f"`{argument}` must be") as error:
        default_policy(*arguments)
    assert f"Received: {argument}=Text(" in str(error.value)


# Nested spaces

SEEN = spaces.Dict(
    {
        "camera": spaces.Dict(
            {
                "left": spaces.Box(0, 255, (8, 8, 3), "uint8"),
                "right": spaces.Box(0, 255, (8, 8), "uint8"),
            }
        ),
        "position": spaces.Box(-1, 1, (2,), "float64"),
        "place": spaces.Tuple(
            [spaces.Discrete(5, start=1), spaces.MultiBinary(3)]
        ),
    }
)
ACTED = spaces.Tuple(
    [
        spaces.Dict({"grip": spaces.MultiBinary(2), "turn": spaces.Box(0, 8)}),
        spaces.MultiDiscrete([2, 3]),
    ]
)


def _nest(space, rows):
    return space.pack([_observations(leaf, rows) for leaf in space.leaves])


def _cast(space, nest):
    leaves = zip(space.flatten(nest), space.leaves, strict=True)
    return space.pack([value.astype(leaf.dtype) for value, leaf in leaves])


def test_inputs_are_named_after_the_keys_and_outputs_built_as_the_space():
    policy = default_policy(SEEN, ACTED, hidden_units=(5,), seed=0)
    assert [x.name for x in policy.inputs] == SEEN.leaf_names
    assert SEEN.leaf_names[:2] == ["camera_left", "camera_right"]
    outputs = policy(_cast(SEEN, _nest(SEEN, 3)))
    assert outputs[0]["grip"].shape == (3, 2)
    assert outputs[0]["turn"].shape == (3,)
    assert outputs[1].shape == (3, 5)


def test_every_part_of_an_observation_reaches_every_output():
    policy = default_policy(SEEN, ACTED, activation="tanh", seed=0)
    observations = _cast(SEEN, _nest(SEEN, 1))
    before = tf.nest.flatten(policy(observations))
    leaves = SEEN.flatten(observations)
    for index, leaf in enumerate(SEEN.leaves):
        changed = list(leaves)
        other = _observations(leaf, 2)[1:].astype(leaf.dtype)
        changed[index] = np.where(other == leaves[index], 1 - other, other)
        after = tf.nest.flatten(policy(SEEN.pack(changed)))
        for one, two in zip(before, after, strict=True):
            assert np.any(one.numpy() != two.numpy()), SEEN.leaf_names[index]


def test_box_outputs_of_a_nest_are_moved_to_their_box():
    acted = spaces.Dict({"a": spaces.Box(0, 8, (2,)), "b": spaces.Box(2, 4)})
    policy = default_policy(OBSERVATION, acted, kernel_initializer="zeros")
    outputs = policy(np.zeros((1, 4), np.float32))
    np.testing.assert_allclose(outputs["a"], [[4, 4]])
    np.testing.assert_allclose(outputs["b"], [3])


def test_nested_policy_can_be_saved(tmp_path):
    policy = default_policy(SEEN, ACTED, hidden_units=(5,), embedding=3)
    policy.save(tmp_path / "policy.keras")
    again = keras.saving.load_model(tmp_path / "policy.keras")
    observations = _cast(SEEN, _nest(SEEN, 3))
    pairs = zip(
        tf.nest.flatten(again(observations)),
        tf.nest.flatten(policy(observations)),
        strict=True,
    )
    for one, two in pairs:
        np.testing.assert_array_equal(one, two)


@pytest.mark.slow
def test_nested_policy_compiles_with_xla():
    policy = default_policy(SEEN, ACTED, hidden_units=(5,), embedding=3, seed=0)
    observations = tf.nest.map_structure(
        tf.constant, _cast(SEEN, _nest(SEEN, 3))
    )
    compiled = tf.function(
        lambda nest: policy(nest, training=False), jit_compile=True
    )
    pairs = zip(
        tf.nest.flatten(compiled(observations)),
        tf.nest.flatten(policy(observations)),
        strict=True,
    )
    for one, two in pairs:
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def test_key_that_no_layer_may_be_called_can_be_observed():
    space = spaces.Dict({"joint/angle": spaces.Discrete(2)})
    policy = default_policy(space, spaces.Discrete(2))
    assert [x.name for x in policy.inputs] == ["joint_angle"]
    assert policy({"joint/angle": tf.constant([1, 0])}).shape == (2, 2)


@pytest.mark.parametrize(
    ("option", "value"), [("embedding", 8), ("filters", (4,))]
)
def test_option_without_meaning_is_refused(option, value):
    with pytest.raises(ValueError, match=f"`{option}` is for") as error:
        default_policy(OBSERVATION, spaces.Discrete(2), **{option: value})
    assert f"Received: {option}={value!r}" in str(error.value)


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(-1, 1, (3,)),
        spaces.Discrete(5),
        spaces.Box(0, 255, (40, 40, 3), np.uint8),
        spaces.Dict({"a": spaces.MultiBinary(3), "b": spaces.Box(-1, 1, ())}),
    ],
    ids=str,
)
def test_default_critic_maps_every_space_to_0_at_first(space):
    network = {"hidden_units": (8,), "activation": "tanh", "seed": 0}
    critic = default_critic(space, **network)
    batch = space.pack(
        [tf.ones((2, *leaf.shape), leaf.dtype) for leaf in space.leaves]
    )
    np.testing.assert_array_equal(critic(batch), np.zeros((2, 1)))
    again = default_critic(space, **network)
    policy = default_policy(space, spaces.Discrete(2), **network)
    hidden = [
        [w.numpy() for w in model.weights if "hidden_1/kernel" in w.path]
        for model in (critic, again, policy)
    ]
    np.testing.assert_array_equal(hidden[0], hidden[1])
    assert not np.array_equal(hidden[0], hidden[2])
