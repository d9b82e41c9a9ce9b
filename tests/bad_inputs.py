"""Inputs that are refused: one table of inputs, errors and messages.

How many they are: `pytest --collect-only -q tests/bad_input_test.py`.
"""

import contextlib
import functools
import io
from typing import Any

import gymnasium
import keras
import numpy as np
import pytest

import keras_cem as cem
from keras_cem import heads, spaces
from keras_cem.cli.main import main
from tests import bad_habits
from tests.helpers import BOX, DISCRETE, OBSERVATION, make_agent, make_policy

NAN, INFINITY = float("nan"), float("inf")

# Arguments; the error; parts of its message, the received value among them.
_Rows = list[tuple[dict[str, Any], type[Exception], list[str]]]


def _foreign(module):
    """A class as another package would have it."""
    return type("Sequential", (), {"__module__": module})()


class CommandRefusedError(Exception):
    """What a command printed that was called wrongly."""


def _construct(policy=None, action_space=DISCRETE, **kwargs):
    return cem.CEMAgent(
        make_policy(DISCRETE) if policy is None else policy,
        action_space,
        **kwargs,
    )


@functools.cache
def _ready_agent():
    """Compiled, for CartPole."""
    agent = cem.CEMAgent.from_env("CartPole-v1", hidden_units=(2,), seed=0)
    agent.compile("sgd")
    return agent


@functools.cache
def _box_agent():
    return make_agent(DISCRETE)


@functools.cache
def counting_agent():
    """Observes the integers -2, ..., 1."""
    space = spaces.Discrete(4, start=-2)
    return cem.CEMAgent(
        cem.networks.default_policy(space, DISCRETE),
        DISCRETE,
        observation_space=space,
    )


def _fit(x="CartPole-v1", **kwargs):
    _ready_agent().fit(x, **{"verbose": 0, **kwargs})


def _evaluate(x="CartPole-v1", **kwargs):
    _ready_agent().evaluate(x, **{"verbose": 0, **kwargs})


def _collect(env="CartPole-v1", **kwargs):
    _ready_agent().collect(env, **kwargs)


def _mlp(**kwargs):
    cem.networks.mlp(**{"input_shape": 3, "output_shape": 2, **kwargs})


def _command(line):
    printed = io.StringIO()
    with contextlib.redirect_stderr(printed):
        status = main(line.split())
    assert status == 2
    raise CommandRefusedError(printed.getvalue())


_CONSTRUCTOR: _Rows = [
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
        [
            "one of ('trajectory', 'pair', 'length')",
            "loss_normalization='mean'",
        ],
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
        {"gradient_steps": "3"},
        ValueError,
        [
            "`gradient_steps` must be an integer of at least 1",
            "gradient_steps='3'",
        ],
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
        {"imitate": "best", "action_space": BOX},
        ValueError,
        ["`imitate` must be one of ('played', 'drawn')", "imitate='best'"],
    ),
    (
        {"imitate": "drawn"},
        ValueError,
        ["`imitate` must be 'played'", "imitate='drawn'", "Discrete(n=4"],
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
            gymnasium.spaces.OneOf([gymnasium.spaces.Discrete(2)]),
            gymnasium.spaces.Sequence(gymnasium.spaces.Discrete(2)),
        )
    ),
    *(
        (
            {
                argument: gymnasium.spaces.Dict(
                    arm=gymnasium.spaces.Tuple(
                        (
                            gymnasium.spaces.Discrete(2),
                            gymnasium.spaces.Text(3),
                        )
                    )
                )
            },
            ValueError,
            [f"`{argument}['arm'][1]` must be one of", "=Text("],
        )
        for argument in ("action_space", "observation_space")
    ),
    (
        # The policy's two outputs are one tensor.
        {
            "action_space": gymnasium.spaces.Dict(
                a=gymnasium.spaces.Discrete(2)
            ),
            "observation_space": gymnasium.spaces.Box(-1.0, 1.0, (3,)),
        },
        ValueError,
        [
            "`policy` must return outputs with the structure",
            "must be a dictionary",
            "['a']",
        ],
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
        ["finite, positive scale", "'-inf'", "Set `action_scale`"],
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


def _value_errors(words: str, **values: Any) -> _Rows:
    """A row for each value of one argument."""
    ((argument, given),) = values.items()
    return [
        (
            {argument: value},
            ValueError,
            [f"`{argument}` {words}", f"{argument}={value!r}"],
        )
        for value in given
    ]


# The options of the method.
_CONSTRUCTOR += [
    *_value_errors("must be in (0, 1]", discount=[0.0, 1.5]),
    *_value_errors("must be an integer of at least 1", elite_memory=[0, 2.5]),
    *_value_errors("must be an integer of at least 1", elite_memory_age=[0]),
    *_value_errors("needs `elite_memory`", elite_memory_age=[3]),
    *_value_errors("must be an integer of at least 2", episodes_per_start=[1]),
    *_value_errors("must be an integer of at least 1", episodes_per_policy=[0]),
    *_value_errors("must be an integer of at least 1", persistence=[0, 1.5]),
    *_value_errors("must be at least 0", entropy_coefficient=[-1.0, NAN]),
    *_value_errors("must be None if the actions are", correlation=[0.5]),
    *_value_errors("must be an integer of at least 1", gradient_steps=[True]),
    *_value_errors("must be an integer of at least 0", seed=[True]),
    (
        {"epsilon": True},
        TypeError,
        ["`epsilon` must be a number", "epsilon=True of type bool"],
    ),
    (
        {"normalize_observations": "yes"},
        TypeError,
        ["`normalize_observations` must be a bool", "'yes'"],
    ),
    (
        {"action_space": BOX, "correlation": 1.0, "noise": "correlated"},
        ValueError,
        ["`correlation` must be in [0, 1)", "correlation=1.0"],
    ),
    (
        {"action_space": BOX, "persistence": 5},
        ValueError,
        ["`persistence` must be 1 if the actions are", "persistence=5"],
    ),
]

# What `fit`, `evaluate` and `collect` share.
_PLAYING: _Rows = [
    *_value_errors("must be an integer of at least 1", num_envs=[0, -1, 2.5]),
    *_value_errors("must be an integer of at least 1", max_episode_steps=[0]),
    *_value_errors("must be an integer of at least 0", max_env_restarts=[-1]),
    *_value_errors("must be an integer of at least 1", workers=[0]),
    *_value_errors("must be one of", engine=["gpu", None]),
    *_value_errors("must be one of", vectorization_mode=["threads"]),
]
_FIT: _Rows = [
    *_PLAYING,
    *_value_errors(
        "must be an integer of at least 2", batch_size=[1, 0, -3, 2.5, "8"]
    ),
    *_value_errors("must be an integer of at least 1", epochs=[0, -1, 1.5]),
    *_value_errors("must be an integer of at least 1", steps_per_epoch=[0]),
    *_value_errors("must be an integer of at least 1", validation_steps=[0]),
    *_value_errors(
        "must be an integer of at least 1", validation_batch_size=[0]
    ),
    *_value_errors("is for arrays only", y=[[1, 2]]),
    *_value_errors("is for arrays only", sample_weight=[[1.0]]),
    *_value_errors("is for arrays only", class_weight=[{0: 1.0}]),
    *_value_errors("is for arrays only", validation_split=[0.5]),
    ({"x": 5}, TypeError, ["`x` must be an environment", "x=5"]),
    ({"x": "CartPole-v99"}, ValueError, ["CartPole-v99"]),
    (
        {"x": "Acrobot-v1"},
        ValueError,
        ["with the agent's action space, Discrete(n=2", "Discrete(n=3"],
    ),
    (
        {"validation_data": np.zeros(3)},
        TypeError,
        ["`validation_data` must be an environment", "of type ndarray"],
    ),
    (
        {"validation_data": 7},
        TypeError,
        ["`validation_data` must be an environment", "validation_data=7"],
    ),
    (
        {"resume_from": "checkpoints", "initial_epoch": 3},
        ValueError,
        [
            "`initial_epoch` must not be given with `resume_from`",
            "initial_epoch=3",
        ],
    ),
]
_EVALUATE: _Rows = [
    *_PLAYING,
    *_value_errors("must be an integer of at least 1", batch_size=[0, "8"]),
    *_value_errors("must be an integer of at least 1", steps=[0]),
    *_value_errors("is for arrays only", y=[[1, 2]]),
    ({"x": 5.5}, TypeError, ["`x` must be an environment", "x=5.5"]),
]
_COLLECT: _Rows = [
    *_PLAYING,
    *_value_errors("must be an integer of at least 1", batch_size=[0]),
    *_value_errors("must be in [0, 1]", epsilon=[-0.5, 2.0]),
    *_value_errors("must be an integer of at least 0", seed=[-1]),
    *_value_errors("must be in [0, 4294967295]", seed=[2**32]),
    ({"env": 5}, TypeError, ["`env` must be", "env=5"]),
]
_ACT: _Rows = [
    ({"observation": value}, ValueError, parts)
    for value, parts in (
        (np.zeros(2, np.float32), ["shape (3,)", "Received: shape=(2,)"]),
        (np.zeros((1, 3), np.float32), ["shape (3,)", "shape=(1, 3)"]),
        (0.5, ["shape (3,)", "shape=()"]),
        (None, ["shape (3,)", "dtype=object"]),
        (["a", "b", "c"], ["dtype float32", "dtype=<U1"]),
        (np.array([1, 2, None]), ["dtype float32", "dtype=object"]),
        (np.zeros(3, complex), ["dtype float32", "dtype=complex128"]),
        ([0.0, NAN, 0.0], ["`observation` must be finite", "nan"]),
        (np.array([0, 0, INFINITY]), ["`observation` must be finite", "inf"]),
    )
]
_ACT += [
    (
        {"observation": np.zeros(3, np.float32), "epsilon": epsilon},
        ValueError,
        ["`epsilon` must be in [0, 1]", f"Received: epsilon={epsilon}"],
    )
    for epsilon in (-0.1, 1.5, NAN)
]
_ACT_ON_INTEGERS: _Rows = [
    ({"observation": 0.5}, ValueError, ["dtype int64", "dtype=float64"]),
    ({"observation": [1]}, ValueError, ["shape ()", "shape=(1,)"]),
    ({"observation": "1"}, ValueError, ["dtype int64", "dtype=<U1"]),
    ({"observation": None}, ValueError, ["dtype int64", "dtype=object"]),
]
_ACT_UNPREPARED: _Rows = [
    (
        {"observation": np.zeros(3, np.float32)},
        ValueError,
        ["`act` needs the agent's obs", "Received: observation_space=None"],
    )
]
_EXPORT: _Rows = [
    (
        {"filepath": "policy", "format": "torch"},
        ValueError,
        ["`format` must be one of", "format='torch'"],
    ),
    (
        {"filepath": "policy", "format": "onnx"},
        ValueError,
        ["`filepath` must end in .onnx", "filepath='policy'"],
    ),
    (
        {"filepath": "policy.onnx", "format": "litert"},
        ValueError,
        ["`filepath` must end in .tflite", "filepath='policy.onnx'"],
    ),
    (
        {"filepath": "/"},
        ValueError,
        ["`filepath` must not exist yet", "filepath='/'"],
    ),
    (
        {"filepath": "/", "format": "openvino"},
        ValueError,
        ["`filepath` must not exist yet", "filepath='/'"],
    ),
]
_SPACES: _Rows = [
    ({"space": 5}, TypeError, ["`space` must be a `gymnasium", "space=5"]),
    (
        {"space": gymnasium.spaces.Text(3)},
        ValueError,
        ["`space` must be one of Box", "Text("],
    ),
    *(
        ({"space": config}, error, parts)
        for config, error, parts in (
            ({}, ValueError, ["`kind` of a space", "kind=None"]),
            ({"kind": "Text"}, ValueError, ["`kind` of a space", "'Text'"]),
            ({"kind": []}, ValueError, ["`kind` of a space", "kind=[]"]),
            (
                {"kind": "Discrete", "n": 0},
                ValueError,
                ["`n` must be at least 1", "n=0"],
            ),
            (
                {"kind": "Discrete", "n": 2.5},
                TypeError,
                ["`n` must be an integer", "n=2.5 of type float"],
            ),
            (
                {"kind": "Discrete", "n": 10**12},
                ValueError,
                ["`n` of a saved Discrete must have", "n=1000000000000"],
            ),
            (
                {"kind": "Box", "low": 1, "high": 0, "shape": [1]},
                ValueError,
                ["`low` must not exceed `high`", "low=[1.]", "high=[0.]"],
            ),
            (
                {"kind": "Box", "low": 0, "high": 1, "shape": [2**20, 2**20]},
                ValueError,
                [
                    "`shape` of a saved Box must have",
                    "shape=[1048576, 1048576]",
                ],
            ),
            (
                {"kind": "MultiDiscrete", "nvec": [2, 0]},
                ValueError,
                ["`nvec` must hold", "nvec=[2, 0]"],
            ),
            (
                {"kind": "MultiBinary", "n": [0]},
                ValueError,
                ["`n` must be at least one number", "n=[0]"],
            ),
            (
                {"kind": "Dict", "spaces": {}},
                ValueError,
                ["`spaces` of a Dict", "spaces={}"],
            ),
            (
                {"kind": "Tuple", "spaces": []},
                ValueError,
                ["`spaces` of a Tuple", "spaces=[]"],
            ),
        )
    ),
]
_MLP: _Rows = [
    *_value_errors("must be at least 1", hidden_units=[(0,), (8, -1)]),
    *_value_errors("must be at least 1", input_shape=[0, (2, 0)]),
    *_value_errors("must be at least 1", output_shape=[0]),
    *_value_errors("must be at least 0", seed=[-1]),
    *_value_errors("must be in [0, 1", dropout=[1.0, -0.1, NAN]),
    *_value_errors("must be in [0, inf)", l1=[-1.0, INFINITY]),
    *_value_errors("must be a Keras init", kernel_initializer=["wobbly"]),
    *_value_errors("must be a real, integer", input_dtype=["string", "no"]),
    *_value_errors("must be", activation=["wobbly"]),
    *_value_errors(
        "must have a derivative other than 0", activation=["binary_step"]
    ),
    *(
        (
            {"hidden_units": units},
            TypeError,
            ["`hidden_units` must be a tuple of ints", f"{units!r} of type"],
        )
        for units in (8, "64", (1.5,), None)
    ),
    ({"dropout": "a"}, TypeError, ["`dropout` must be a num", "dropout='a'"]),
]
_CALLBACKS: dict[str, tuple[Any, _Rows]] = {
    "EpsilonDecay": (
        cem.callbacks.EpsilonDecay,
        [
            *_value_errors("must be at least 0", minimum=[-0.5, INFINITY]),
            (
                {"schedule": "linear"},
                TypeError,
                ["`schedule` must be a function", "schedule='linear'"],
            ),
            (
                {"minimum": None},
                TypeError,
                ["`minimum` must be a number", "minimum=None"],
            ),
        ],
    ),
    "StopOnEpisodeReturn": (
        cem.callbacks.StopOnEpisodeReturn,
        [
            *_value_errors("must be finite", threshold=[NAN, INFINITY]),
            (
                {"threshold": "475"},
                TypeError,
                ["`threshold` must be a number", "threshold='475'"],
            ),
        ],
    ),
    "Checkpoint": (
        functools.partial(cem.callbacks.Checkpoint, "checkpoints"),
        [
            *_value_errors("must be an integer of at least 1", every=[0, 1.5]),
            *_value_errors("must be an integer of at least 1", keep=[0]),
        ],
    ),
    "HarmonicDecay": (
        cem.schedules.HarmonicDecay,
        [
            *_value_errors("must be at least 0", initial_value=[-1.0, NAN]),
            (
                {"initial_value": "1"},
                TypeError,
                ["`initial_value` must be a number", "initial_value='1'"],
            ),
        ],
    ),
}
_ENVS: _Rows = [
    ({"id": "Nope-v0"}, ValueError, ["`id` must be one of", "Nope-v0"]),
    (
        {"id": "CartPole-v1", "gravity": "heavy"},
        TypeError,
        ["`gravity` of CartPole-v1 must be a number", "gravity='heavy'"],
    ),
    (
        {"id": "CartPole-v1", "gravity": NAN},
        ValueError,
        ["`gravity` of CartPole-v1 must be finite", "gravity=nan"],
    ),
    (
        {"id": "CartPole-v1", "weight": 1.0},
        ValueError,
        ["Parameters of CartPole-v1 must be among", "weight=1.0"],
    ),
    (
        {"id": "CartPole-v1", "max_episode_steps": 0},
        ValueError,
        ["`max_episode_steps` must be at least 1", "max_episode_steps=0"],
    ),
    (
        {"id": "CartPole-v1", "max_episode_steps": 1.5},
        TypeError,
        ["`max_episode_steps` must be an int", "max_episode_steps=1.5"],
    ),
]
_HEADS: _Rows = [
    (
        {"space": DISCRETE, "action_scale": 2.0},
        ValueError,
        ["`action_scale` must be None", "action_scale=2.0"],
    ),
    (
        {"space": BOX, "action_scale": [1.0, 2.0, 3.0]},
        ValueError,
        ["`action_scale` must be a number or an array", "[1.0, 2.0, 3.0]"],
    ),
    (
        {"space": BOX, "action_scale": "wide"},
        ValueError,
        ["`action_scale` must be a number or an array", "'wide'"],
    ),
]
_TRAIN = "train --env=CartPole-v1 --output=never"
_COMMANDS: _Rows = [
    ({"line": line}, CommandRefusedError, parts)
    for line, parts in (
        ("play", ["must be one of train", "'play'"]),
        ("train --output=never", ["--env must"]),
        ("train --env=CartPole-v1", ["--output must"]),
        ("train CartPole-v1", ["--env"]),
        (f"{_TRAIN} extra", ["must be flags", "'extra'"]),
        (f"{_TRAIN} --gradient_step=3", ["gradient_step"]),
        *(
            (f"{_TRAIN} --{flag}", [flag])
            for flag in (
                "batch_size=1",
                "batch_size=99999999999",
                "elite_quantile=1.5",
                "elite_quantile=nan",
                "epochs=0",
                "epochs=many",
                "epsilon=-1",
                "learning_rate=inf",
                "hidden_units=64,x",
                "hidden_units=0",
                "optimizer=wobbly",
            )
        ),
        (
            f"{_TRAIN} --hidden_units=100000,100000",
            ["hidden_units=(100000, 100000)"],
        ),
        (
            f'{_TRAIN} --agent_kwargs={{"action_scale":2.0}}',
            ["action_scale=2.0"],
        ),
        (f"{_TRAIN} --env=CartPole-v0.5", ["CartPole-v0.5"]),
        (f"{_TRAIN} --env=no_such_module:Env-v0", ["no_such_module"]),
        (f"{_TRAIN} --engine=sometimes", ["sometimes"]),
        (f"{_TRAIN} --activation=wobbly", ["wobbly"]),
        ("evaluate --run=never --episodes=0", ["episodes=0"]),
        ("evaluate --run=never", ["train` in never. "]),
        ("export --run=never --output=policy", ["--run=never"]),
        ("export --run=never --output=policy --format=gif", ["gif"]),
        ("export --run=never --output=/", ["--output=/"]),
    )
]

_GROUPS: dict[str, tuple[Any, _Rows]] = {
    "CEMAgent": (_construct, _CONSTRUCTOR),
    "fit": (_fit, _FIT),
    "evaluate": (_evaluate, _EVALUATE),
    "collect": (_collect, _COLLECT),
    "act": (lambda **given: _box_agent().act(**given), _ACT),
    "act_on_integers": (
        lambda **given: counting_agent().act(**given),
        _ACT_ON_INTEGERS,
    ),
    "act_unprepared": (
        lambda **given: _construct().act(**given),
        _ACT_UNPREPARED,
    ),
    "export": (lambda **given: _box_agent().export(**given), _EXPORT),
    "spaces.get": (spaces.get, _SPACES),
    "networks.mlp": (_mlp, _MLP),
    **_CALLBACKS,
    "envs.make": (
        lambda id, **parameters: cem.envs.make(id, **parameters),
        _ENVS,
    ),
    "heads.for_space": (heads.for_space, _HEADS),
    "keras-cem": (_command, _COMMANDS),
}

ROWS = [
    pytest.param(
        functools.partial(call, **arguments),
        error,
        parts,
        id=f"{group}-{number}",
    )
    for group, (call, rows) in {**_GROUPS, **bad_habits.GROUPS}.items()
    for number, (arguments, error, parts) in enumerate(rows)
]
