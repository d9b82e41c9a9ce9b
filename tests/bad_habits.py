"""Inputs that other libraries take, or that haste writes, and are refused.

Groups for the table of `bad_inputs`.
"""

import functools
from typing import Any

import gymnasium
import keras
import numpy as np

import keras_cem as cem
from tests.helpers import DISCRETE, OBSERVATION

NAN = float("nan")

# Arguments; the error; parts of its message, the received value among them.
_Rows = list[tuple[dict[str, Any], type[Exception], list[str]]]


class _Told(gymnasium.Env):
    """Returns from `reset` and `step` what it is told to."""

    observation_space = OBSERVATION.to_gymnasium()
    action_space = DISCRETE.to_gymnasium()

    def __init__(self, begin=None, result=None):
        self._begin, self._result = begin, result

    def reset(self, *, seed=None, options=None):
        if self._begin is not None:
            return self._begin()
        return np.zeros(3, np.float32), {}

    def step(self, action):
        return self._result()


@functools.cache
def _agent():
    agent = cem.CEMAgent.from_env(_Told(), hidden_units=(2,), seed=0)
    agent.compile("sgd")
    return agent


def _play(**told):
    """On the host, with a limit of its own; what is told is a function."""
    env = functools.partial(
        _Told,
        **{name: lambda value=value: value for name, value in told.items()},
    )
    _agent().fit(env, batch_size=2, max_episode_steps=3, verbose=0)


def _result(**parts):
    """What `step` returns, with some parts replaced."""
    usual = {
        "observation": np.zeros(3, np.float32),
        "reward": 1.0,
        "terminated": True,
        "truncated": False,
        "info": {},
    }
    return tuple({**usual, **parts}.values())


_ENVIRONMENT: _Rows = [
    (
        {"begin": np.zeros(3, np.float32)},
        RuntimeError,
        ["`reset` must return (observation, info)", "of type ndarray"],
    ),
    (
        {"begin": (np.zeros(3, np.float32), {}, 0)},
        RuntimeError,
        ["`reset` must return (observation, info)", "Received: 3 values"],
    ),
    (
        {"result": _result()[:4]},
        RuntimeError,
        ["`step` must return (observation,", "4 values", "gym before 0.26"],
    ),
    (
        {"result": 5},
        RuntimeError,
        ["`step` must return (observation,", "Received: 5 of type int"],
    ),
    *(
        (
            {"result": _result(reward=value)},
            RuntimeError,
            ["`reward` of `step` must be one number", f"reward={value!r}"],
        )
        for value in (None, "1", np.ones(1), np.ones(2), {"a": 1.0}, 1j)
    ),
    *(
        (
            {"result": _result(**{name: value})},
            RuntimeError,
            [f"`{name}` of `step` must be True or", f"{name}={value!r}"],
        )
        for name in ("terminated", "truncated")
        for value in (None, "no", 0.5, np.array([True]))
    ),
]


def _fit(**arguments):
    _agent().fit(
        **{
            "x": functools.partial(_Told, result=_result),
            "batch_size": 2,
            "max_episode_steps": 3,
            "verbose": 0,
            **arguments,
        }
    )


def _decay(value):
    return [cem.callbacks.EpsilonDecay(lambda done: value)]


_FIT: _Rows = [
    ({"x": None}, TypeError, ["`x` must be an environment", "x=None"]),
    *(
        (
            {"x": value},
            TypeError,
            ["`x` must be a single environment", f"{value!r}"],
        )
        for value in (["CartPole-v1"] * 2, ("CartPole-v1", None))
    ),
    (
        {
            "x": [{"observations": [[0.0] * 3]}] * 2,
            "max_episode_steps": None,
        },
        TypeError,
        ["`x[0]` must be an episode", "without actions, rewards"],
    ),
    (
        {"x": cem.envs.CartPole},
        TypeError,
        [
            "which returned CartPole(",
            "Pass the environment itself, not a callable that returns it",
        ],
    ),
    (
        {"batch_size": 10**13, "max_episode_steps": 4},
        ValueError,
        ["must fit in memory", "batch_size=10000000000000"],
    ),
    (
        {"callbacks": [cem.callbacks.EpsilonDecay]},
        TypeError,
        ["`callbacks` must be Keras", "Pass an instance: `EpsilonDecay()`"],
    ),
    *(
        (
            {"callbacks": value},
            TypeError,
            ["`callbacks` must be Keras callbacks", shown],
        )
        for value, shown in (
            ("EpsilonDecay", "'EpsilonDecay' of type str"),
            ([None], "None of type NoneType"),
            ([print], "of type builtin_function_or_method"),
        )
    ),
    (
        {"callbacks": _decay(0.1) + _decay(0.2)},
        ValueError,
        ["`callbacks` must hold at most one `EpsilonDecay`"],
    ),
    *(
        (
            {"callbacks": _decay(value)},
            ValueError,
            ["`schedule` must return a finite", f"schedule(0)={value!r}"],
        )
        for value in (NAN, "x", None, np.ones(2))
    ),
    *(
        (
            {"validation_freq": value},
            ValueError,
            ["`validation_freq` must be an integer", f"={value!r}"],
        )
        for value in (0, -1, 0.5)
    ),
    *(
        (
            {"initial_epoch": value},
            ValueError,
            ["`initial_epoch` must be an integer", f"={value!r}"],
        )
        for value in (-1, "1")
    ),
    *(
        (
            {name: 3},
            ValueError,
            [f"`{name}` is for `validation_data` only", f"{name}=3"],
        )
        for name in ("validation_steps", "validation_batch_size")
    ),
    (
        {"validation_data": "Acrobot-v1"},
        ValueError,
        ["`validation_data` must be an environment with", "Discrete(n=3"],
    ),
    *(
        (
            {"resume_from": value},
            TypeError,
            ["`resume_from` must be the path", f"resume_from={value!r}"],
        )
        for value in (5, "")
    ),
]


def _compile(**arguments):
    _agent().compile("sgd", **arguments)


_COMPILE: _Rows = [
    *(
        (
            {"steps_per_execution": value},
            ValueError,
            ["`steps_per_execution` must be an integer", f"={value!r}"],
        )
        for value in (0, -1, 2.5, "auto")
    ),
    (
        {"jit_compile": "yes"},
        ValueError,
        ["`jit_compile` must be one of", "jit_compile='yes'"],
    ),
]


def _fit_compiled(optimizer="sgd", trainable=True):
    agent = cem.CEMAgent.from_env(_Told(), hidden_units=(), seed=0)
    agent.policy.trainable = trainable
    agent.compile(optimizer)
    agent.fit(_Told(result=_result), max_episode_steps=3, verbose=0)


_FIT_COMPILED: _Rows = [
    (
        {"optimizer": None},
        ValueError,
        ["`optimizer` of `compile` must be given", "optimizer=None"],
    ),
    (
        {"trainable": False},
        ValueError,
        [
            "`policy` must have trainable weights",
            "policy='policy', which has none",
        ],
    ),
]


def _assign(**attribute):
    ((name, value),) = attribute.items()
    setattr(_agent(), name, value)


_ATTRIBUTES: _Rows = [
    *(
        (
            {name: value},
            AttributeError,
            [
                f"`{name}` must keep its value",
                f"{name}={value!r}",
                f"'{name}': {value!r}",
            ],
        )
        for name, value in (
            ("elite_quantile", 0.9),
            ("ties", "strict"),
            ("gradient_steps", 5),
            ("minibatch_size", 32),
            ("discount", 0.99),
            ("elite_memory", 10),
            ("normalize_observations", True),
            ("on_nonfinite", "skip"),
            ("seed", 7),
        )
    ),
    ({"epsilon": 2.0}, ValueError, ["`epsilon` must be in", "epsilon=2.0"]),
    ({"epsilon": "1"}, TypeError, ["`epsilon` must be a num", "epsilon='1'"]),
]


def _from_env(**arguments):
    cem.CEMAgent.from_env(_Told(), **arguments)


_FROM_ENV: _Rows = [
    (
        {"network": "cnn"},
        TypeError,
        ["`network` must be a dictionary", "network='cnn' of type str"],
    ),
    (
        {"network": {"output_activation": "softmax"}},
        ValueError,
        ["`policy` must return logits", "policy='policy'", "is a softmax"],
    ),
    (
        {
            "network": {"output_activation": "softmax"},
            "normalize_observations": True,
        },
        ValueError,
        ["`policy` must return logits", "policy='policy'", "is a softmax"],
    ),
]


def _construct(last):
    cem.CEMAgent(
        keras.Sequential([keras.layers.Dense(4), last]),
        DISCRETE,
        observation_space=OBSERVATION,
    )


_POLICY: _Rows = [
    (
        {"last": keras.layers.Softmax(name="chances")},
        ValueError,
        ["`policy` must return logits", "last layer, 'chances', is a softmax"],
    )
]

_ACT: _Rows = [
    (
        {"observation": (np.zeros(3, np.float32), {})},
        ValueError,
        ["must have shape (3,)", "`reset` returns (observation, info)"],
    ),
    (
        {"observation": [np.zeros(2), np.zeros(3)]},
        ValueError,
        ["must have shape (3,)", "Received: shape=(2,), dtype=object"],
    ),
]

GROUPS: dict[str, tuple[Any, _Rows]] = {
    "environment": (_play, _ENVIRONMENT),
    "fit_in_haste": (_fit, _FIT),
    "compile": (_compile, _COMPILE),
    "fit_compiled": (_fit_compiled, _FIT_COMPILED),
    "attributes": (_assign, _ATTRIBUTES),
    "from_env": (_from_env, _FROM_ENV),
    "policy": (_construct, _POLICY),
    "act_in_haste": (lambda **given: _agent().act(**given), _ACT),
}
