"""An agent for the toys, and comparing what it played."""

import keras
import numpy as np

import keras_cem as cem
from keras_cem import spaces

OBSERVATION = spaces.Box(-9.0, 9.0, (2,))
# As specs say it; gymnasium's own has int64.
ACTION = spaces.Discrete(3, start=3, dtype="int32")


def make_agent(action_space=ACTION, **kwargs):
    policy = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(
                3,
                kernel_initializer=keras.initializers.GlorotUniform(seed=1),
            ),
        ]
    )
    agent = cem.CEMAgent(
        policy,
        action_space,
        observation_space=OBSERVATION,
        **{"seed": 0, **kwargs},
    )
    agent.compile(keras.optimizers.SGD(0.1))
    return agent


def assert_same_trajectories(first, second):
    """Asserts that real steps agree in every bit, and that ends do."""
    np.testing.assert_array_equal(first.mask, second.mask)
    np.testing.assert_array_equal(first.terminated, second.terminated)
    for name in ("observations", "actions", "rewards"):
        np.testing.assert_array_equal(
            getattr(first, name)[first.mask], getattr(second, name)[first.mask]
        )
