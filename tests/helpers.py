"""Hand-made trajectories, agents for them, and iterations on them."""

import re

import keras
import numpy as np

import keras_cem as cem
from keras_cem import spaces
from keras_cem.agent.run import Run
from keras_cem.agent.running import entered
from keras_cem.agent.steps import OnCollected

OBSERVATION = spaces.Box(-np.inf, np.inf, (3,))
DISCRETE = spaces.Discrete(4, start=2)
BOX = spaces.Box([-1.0, 0.0], [1.0, 6.0])

# How Keras runs a step.
EAGER = {"run_eagerly": True}
TRACED = {"jit_compile": False}
COMPILED = {"jit_compile": True}
MODES = [EAGER, TRACED, COMPILED]


def make_trajectories(action_space, returns, steps=6, seed=0):
    """Random trajectories of random lengths with given returns."""
    generator = np.random.default_rng(seed)
    size = len(returns)
    lengths = generator.integers(1, steps + 1, size)
    mask = np.arange(steps) < lengths[:, None]
    rewards = generator.normal(size=(size, steps))
    rewards[:, 0] += returns - np.where(mask, rewards, 0).sum(axis=1)
    if isinstance(action_space, spaces.Discrete):
        first = action_space.start
        actions = generator.integers(
            first, first + action_space.n, (size, steps)
        )
    else:
        actions = generator.uniform(
            action_space.low,
            action_space.high,
            (size, steps, *action_space.shape),
        )
    return cem.Trajectories(
        observations=generator.normal(
            size=(size, steps, *OBSERVATION.shape)
        ).astype(np.float32),
        actions=actions.astype(action_space.dtype),
        rewards=rewards.astype(np.float32),
        mask=mask,
        terminated=generator.uniform(size=size) < 0.5,
    )


def make_policy(action_space, **kwargs):
    """Observations to tanh(x W + b) V + c."""
    size = (
        action_space.n
        if isinstance(action_space, spaces.Discrete)
        else action_space.shape[0]
    )
    return keras.Sequential(
        [
            keras.Input(OBSERVATION.shape),
            keras.layers.Dense(
                5,
                activation="tanh",
                kernel_initializer=keras.initializers.GlorotUniform(seed=1),
                **kwargs,
            ),
            keras.layers.Dense(
                size,
                kernel_initializer=keras.initializers.GlorotUniform(seed=2),
                **kwargs,
            ),
        ]
    )


def make_agent(
    action_space, policy=None, *, optimizer=None, mode=EAGER, **kwargs
):
    """A compiled agent; by default of plain gradient descent, all w - grad."""
    agent = cem.CEMAgent(
        make_policy(action_space) if policy is None else policy,
        action_space,
        observation_space=OBSERVATION,
        **{"seed": 0, **kwargs},
    )
    agent.compile(
        keras.optimizers.SGD(1.0) if optimizer is None else optimizer, **mode
    )
    agent.optimizer.build(agent.trainable_variables)
    return agent


def fit_briefly(epochs=2, **kwargs):
    """Trains a new agent on CartPole for a moment; returns its history."""
    agent = cem.CEMAgent.from_env("CartPole-v1", hidden_units=(), seed=0)
    agent.compile(optimizer=keras.optimizers.Adam(1e-2), jit_compile=False)
    return agent.fit(
        "CartPole-v1",
        engine="host",
        batch_size=4,
        max_episode_steps=12,
        epochs=epochs,
        **{"verbose": 0, **kwargs},
    ).history


class Given:
    """A source of trajectories that a test made."""

    num_env_restarts = 0

    def __init__(self, batches):
        self._batches = iter(batches)

    def step_function(self, steps):
        del steps
        return OnCollected("given", lambda: next(self._batches), 1)


def improve(agent, *batches):
    """Takes an iteration on each batch; returns what the last one reports."""
    with entered(agent, Run(agent._player, 0, train=Given(batches))):
        agent.make_train_function()
        for batch in batches:
            # As `fit` does.
            agent.graph_execution.begin_fit(len(batch.returns))
            for metric in agent.train_metrics.all():
                metric.reset_state()
            agent.train_function(iter([0]))
    return {
        metric.name: float(metric.result())
        for metric in agent.train_metrics.all()
    }


def policy_weights(agent):
    """All variables of the policy, as they are now."""
    return [variable.numpy() for variable in agent.policy.variables]


def learned_state(agent):
    """All that an update of the weights changes."""
    variables = [*agent.policy.variables, *agent.optimizer.variables]
    return [np.copy(variable.numpy()) for variable in variables]


def assert_equal(first, second):
    """Asserts that two lists of arrays agree in every bit."""
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def differ(first, second):
    """Whether two lists of arrays differ anywhere."""
    return any(np.any(a != b) for a, b in zip(first, second, strict=True))


def stable_id(value):
    """A test's name for a value, the same in each process of a run."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))
