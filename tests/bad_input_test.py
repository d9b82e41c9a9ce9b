"""What is refused before anything is played, and in which words."""

import os
import re

import gymnasium
import keras
import numpy as np
import pytest

import keras_cem as cem
from keras_cem import spaces
from tests.helpers import (
    BOX,
    DISCRETE,
    OBSERVATION,
    make_agent,
    make_policy,
    stable_id,
)

NAN, INFINITY = float("nan"), float("inf")


def _foreign(module):
    """A class as another package would have it."""
    return type("Sequential", (), {"__module__": module})()


def _agent(policy=None, action_space=DISCRETE, **kwargs):
    return cem.CEMAgent(
        make_policy(DISCRETE) if policy is None else policy,
        action_space,
        **kwargs,
    )


# Each with the type and parts of the message, the received value among them.
REFUSED_ARGUMENTS = [
    *(
        (
            {"elite_quantile": value},
            ValueError,
            ["`elite_quantile` must be", f"elite_quantile={value}"],
        )
        for value in (0.0, 1.0, 1.5, -0.2, NAN, 1)
    ),
    (
        {"elite_quantile": "0.8"},
        TypeError,
        [
            "`elite_quantile` must be a number",
            "elite_quantile='0.8' of type str",
        ],
    ),
    (
        {"elite_quantile": None},
        TypeError,
        ["`elite_quantile` must be a number", "elite_quantile=None"],
    ),
    *(
        (
            {"ties": value},
            ValueError,
            [
                "`ties` must be one of ('auto', 'strict', 'inclusive')",
                f"ties={value!r}",
            ],
        )
        for value in ("all", ">=", None, True)
    ),
    (
        {"loss_normalization": "mean"},
        ValueError,
        ["one of ('trajectory', 'pair')", "loss_normalization='mean'"],
    ),
    *(
        (
            {argument: value},
            ValueError,
            [f"`{argument}` must be an integer of at", f"{argument}={value!r}"],
        )
        for argument in ("gradient_steps", "minibatch_size")
        for value in (0, -1, 2.5, "2")
    ),
    (
        {"gradient_steps": None},
        TypeError,
        ["`gradient_steps` must be a number", "gradient_steps=None"],
    ),
    *(
        (
            {"epsilon": value},
            ValueError,
            ["`epsilon` must be in [0, 1]", f"epsilon={value}"],
        )
        for value in (-0.1, 1.5, NAN, INFINITY)
    ),
    (
        {"epsilon": "1/n"},
        TypeError,
        ["`epsilon` must be a number", "epsilon='1/n' of type str"],
    ),
    *(
        (
            {"epsilon": value, "action_space": BOX},
            ValueError,
            ["`epsilon` must be at least 0", f"epsilon={value}"],
        )
        for value in (-0.1, NAN, INFINITY)
    ),
    *(
        (
            {"noise": "pink", "action_space": space},
            ValueError,
            ["`noise` must be one of ('gaussian', 'uniform'", "noise='pink'"],
        )
        for space in (BOX, DISCRETE)
    ),
    (
        {"noise": "correlated"},
        ValueError,
        ["`noise` must be 'gaussian'", "noise='correlated'", "Discrete(n=4"],
    ),
    (
        {"noise": "correlated", "correlation": 1.0, "action_space": BOX},
        ValueError,
        ["`correlation` must be in [0, 1)", "correlation=1.0"],
    ),
    (
        {"correlation": 0.5, "action_space": BOX},
        ValueError,
        ["unless noise is 'correlated'", "correlation=0.5, noise='gaussian'"],
    ),
    (
        {"persistence": 5, "action_space": BOX},
        ValueError,
        ["`persistence` must be 1", "persistence=5", "Box("],
    ),
    (
        {"persistence": 0},
        ValueError,
        ["`persistence` must be an integer of at least 1", "persistence=0"],
    ),
    (
        {"entropy_coefficient": -1},
        ValueError,
        ["`entropy_coefficient` must be at least 0", "entropy_coefficient=-1"],
    ),
    (
        {"action_scale": 2.0},
        ValueError,
        ["`action_scale` must be None", "action_scale=2.0", "Discrete(n=4"],
    ),
    *(
        (
            {"action_scale": value, "action_space": BOX},
            ValueError,
            ["positive scale", f"scale={np.float32(value)}"],
        )
        for value in (0.0, -1.0, NAN, INFINITY)
    ),
    *(
        (
            {"seed": value},
            ValueError,
            ["`seed` must be", f"seed={value}"],
        )
        for value in (-1, 2**32, 0.5)
    ),
    (
        {"seed": "0"},
        ValueError,
        ["`seed` must be an integer", "seed='0'"],
    ),
    *(
        (
            {argument: space},
            ValueError,
            [
                f"`{argument}` must be",
                "Box",
                "Discrete",
                f"{argument}={space!r}",
            ],
        )
        for argument in ("action_space", "observation_space")
        for space in (
            gymnasium.spaces.Text(3),
            gymnasium.spaces.Text(5),
            gymnasium.spaces.Sequence(gymnasium.spaces.Discrete(2)),
        )
    ),
    *(
        (
            {argument: value},
            TypeError,
            [
                f"`{argument}` must be a `gymnasium.spaces.Space`",
                f"{argument}={value!r} of type {type(value).__name__}",
            ],
        )
        for argument in ("action_space", "observation_space")
        for value in (4, "CartPole-v1")
    ),
    (
        {"action_space": None},
        TypeError,
        ["`action_space` must be a `gymnasium", "action_space=None"],
    ),
    (
        {"action_space": gymnasium.spaces.Box(0, 255, (2,), np.uint8)},
        ValueError,
        ["`action_space` must be a Box of floats", "of dtype uint8"],
    ),
    (
        {"action_space": gymnasium.spaces.Box(-np.inf, np.inf, (2,))},
        ValueError,
        ["finite, positive scale", "'-inf'", "Give `action_scale`"],
    ),
    (
        {"policy": "mlp"},
        TypeError,
        [
            "`policy` must be a `keras.Layer`",
            "policy='mlp' of type builtins.str",
        ],
    ),
    (
        {"policy": keras.layers.Dense},
        TypeError,
        ["`policy` must be a `keras.Layer`", "Dense"],
    ),
    (
        {"policy": lambda x: x},
        TypeError,
        ["`policy` must be a `keras.Layer`", "of type builtins.function"],
    ),
    *(
        (
            {"policy": _foreign(module)},
            TypeError,
            [
                "`policy` must be a `keras.Layer`",
                f"of type {module}.Sequential",
                "With TF_USE_LEGACY_KERAS=1, `tf.keras` is not Keras 3",
            ],
        )
        for module in ("tf_keras.src.engine.sequential", "tf_keras")
    ),
    (
        {"observation_space": OBSERVATION, "action_space": spaces.Discrete(5)},
        ValueError,
        [
            "`policy` must return outputs of shape (batch, 5)",
            "action_space=Discrete(n=5",
            "which returned shape (batch, 4)",
        ],
    ),
    (
        {"observation_space": OBSERVATION, "action_space": BOX},
        ValueError,
        ["shape (batch, 2)", "which returned shape (batch, 4)"],
    ),
]


@pytest.mark.parametrize(
    ("arguments", "error", "parts"),
    REFUSED_ARGUMENTS,
    ids=lambda value: stable_id(value)[:60] if isinstance(value, dict) else "",
)
def test_constructor_refuses(arguments, error, parts):
    with pytest.raises(error) as caught:
        _agent(**arguments)
    message = str(caught.value)
    assert "Received: " in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize("shape", [(), (4, 1), (2, 2)])
def test_outputs_of_another_rank_are_refused(shape):
    """All 4 logits, but not in one row."""
    policy = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4), keras.layers.Reshape(shape)]
        if shape
        else [keras.Input((3,)), keras.layers.Dense(1), keras.layers.Flatten()]
    )
    with pytest.raises(
        ValueError, match="`policy` must return outputs of"
    ) as e:
        _agent(policy, observation_space=OBSERVATION)
    assert "of shape (batch, 4)" in str(e.value)
    assert "Received: policy='sequential" in str(e.value)


def test_policy_that_returns_several_outputs_is_refused():
    inputs = keras.Input((3,))
    outputs = [keras.layers.Dense(4)(inputs), keras.layers.Dense(4)(inputs)]
    with pytest.raises(ValueError, match="`policy` must return one") as error:
        _agent(keras.Model(inputs, outputs), observation_space=OBSERVATION)
    assert "which returned <class 'list'>" in str(error.value)


def test_policy_that_returns_integers_is_refused():
    class Choose(keras.layers.Layer):
        def call(self, inputs):
            return keras.ops.argsort(inputs)

    with pytest.raises(ValueError, match="`policy` must return one") as error:
        _agent(Choose(), spaces.Discrete(3), observation_space=OBSERVATION)
    assert "Received: policy='choose'" in str(error.value)
    assert "which returned int32" in str(error.value)


def test_policy_that_does_not_take_the_observations_is_refused():
    policy = keras.Sequential([keras.Input((7,)), keras.layers.Dense(4)])
    with pytest.raises(ValueError, match=r"shape=\(2, 3\)"):
        _agent(policy, observation_space=OBSERVATION)


def test_observation_space_cannot_be_changed():
    agent = make_agent(DISCRETE)
    other = spaces.Box(-1, 1, (3,))
    with pytest.raises(
        ValueError, match="the one the agent was built"
    ) as error:
        agent.build_for(other)
    assert f"Received: observation_space={other}" in str(error.value)


# act


@pytest.mark.parametrize(
    ("observation", "parts"),
    [
        (np.zeros(2, np.float32), ["shape (3,)", "Received: shape=(2,)"]),
        (np.zeros((1, 3), np.float32), ["shape (3,)", "shape=(1, 3)"]),
        (0.5, ["shape (3,)", "shape=()"]),
        (None, ["shape (3,)", "dtype=object"]),
        (["a", "b", "c"], ["dtype float32", "dtype=<U1"]),
        (np.array([1, 2, None]), ["dtype float32", "dtype=object"]),
        (np.zeros(3, complex), ["dtype float32", "dtype=complex128"]),
        ([0.0, NAN, 0.0], ["`observation` must be finite", "nan"]),
        (np.array([0, 0, INFINITY]), ["`observation` must be finite", "inf"]),
    ],
    ids=repr,
)
def test_act_refuses_an_observation_that_does_not_fit(observation, parts):
    agent = make_agent(DISCRETE)
    with pytest.raises(ValueError, match="Received: ") as error:
        agent.act(observation)
    for part in parts:
        assert part in str(error.value)
    # It goes on with what fits.
    assert agent.act([0, 1, 2]) in DISCRETE.to_gymnasium()


@pytest.mark.parametrize("observation", [0.5, [1], "1", None])
def test_act_refuses_what_is_no_element_of_a_discrete_space(observation):
    space = spaces.Discrete(4, start=-2)
    agent = cem.CEMAgent(
        cem.networks.default_policy(space, DISCRETE),
        DISCRETE,
        observation_space=space,
    )
    with pytest.raises(ValueError, match="Received: "):
        agent.act(observation)
    assert agent.act(1) in DISCRETE.to_gymnasium()
    assert agent.act(np.int64(-2)) in DISCRETE.to_gymnasium()


@pytest.mark.parametrize("epsilon", [-0.1, 1.5, NAN])
def test_act_refuses_an_epsilon_out_of_range(epsilon):
    agent = make_agent(DISCRETE)
    with pytest.raises(ValueError, match=r"`epsilon` must be in \[0, 1\]") as e:
        agent.act(np.zeros(3, np.float32), epsilon=epsilon)
    assert f"Received: epsilon={epsilon}" in str(e.value)


def test_act_before_the_observations_are_known_is_refused():
    with pytest.raises(
        ValueError, match="`act` needs the agent's obs"
    ) as error:
        _agent().act(np.zeros(3, np.float32))
    assert "Received: observation_space=None" in str(error.value)


# compile


@pytest.mark.parametrize("verb", ["fit", "evaluate"])
def test_environment_before_compile_is_refused(verb):
    with pytest.raises(ValueError, match=f"`{verb}` needs `compile` first"):
        getattr(_agent(), verb)("CartPole-v1")


def test_arrays_before_compile_are_refused_by_keras():
    x, y = np.zeros((2, 3), np.float32), np.full(2, 2)
    with pytest.raises(ValueError, match=re.escape("compile()")):
        _agent().fit(x, y)


def test_loss_of_compile_is_refused_for_discrete_actions():
    agent = make_agent(DISCRETE)
    agent.compile("sgd", loss="mse")
    with pytest.raises(
        ValueError, match="`loss` of `compile` must be"
    ) as error:
        agent.fit("CartPole-v1")
    assert "Received: loss='mse'" in str(error.value)


def test_another_backend_of_keras_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    source = os.path.join(os.path.dirname(cem.__file__), "__init__.py")
    with open(source, encoding="utf-8") as file:
        program = compile(file.read(), source, "exec")
    with pytest.raises(ImportError, match="KERAS_BACKEND='jax'") as error:
        exec(program, {"__name__": "keras_cem"})  # noqa: S102
    assert "Set KERAS_BACKEND=tensorflow" in str(error.value)
