"""Gymnasium's own environments, stepped from chosen states."""

import functools
import math

import gymnasium
import numpy as np
import tensorflow as tf

from keras_cem import prng

CLASSIC = (
    "Acrobot-v1",
    "CartPole-v1",
    "MountainCar-v0",
    "MountainCarContinuous-v0",
    "Pendulum-v1",
)
TOY_TEXT = tuple(
    name
    for name in (
        "CliffWalking-v1",
        "CliffWalkingSlippery-v1",
        "FrozenLake-v1",
        "FrozenLake8x8-v1",
        "Taxi-v3",
        "Taxi-v4",
    )
    if name in gymnasium.registry
)
ALL = CLASSIC + TOY_TEXT

# Random states are drawn from -RANGES to RANGES; both kinds of ends are inside.
RANGES = {
    # Half the speed limits: see `test_acrobot_follows_at_top_speed`.
    "Acrobot-v1": [math.pi, math.pi, 2 * math.pi, 4.5 * math.pi],
    "CartPole-v1": [2.6, 4.0, 0.25, 4.0],
    "MountainCar-v0": [1.2, 0.07],
    "MountainCarContinuous-v0": [1.2, 0.07],
    "Pendulum-v1": [12.0, 8.0],
}

X, THETA = 2.4, 12 * 2 * math.pi / 360
PI, TURN = math.pi, 2 * math.pi
# Where a formula changes its mind: ends of the track, ends of episodes, signs,
# limits of speed, whole turns.
BOUNDARIES = {
    "Acrobot-v1": [
        [0.0, 0.0, 0.0, 0.0],
        [PI, 0.0, 0.0, 0.0],
        [-PI, PI, 0.0, 0.0],
        [PI, -PI, 2 * PI, 4.5 * PI],
        [-PI, PI, -2 * PI, -4.5 * PI],
        [3.0, 3.0, 2 * PI, 4.5 * PI],
        [-3.0, -3.0, -2 * PI, -4.5 * PI],
        [PI / 2, PI / 2, 0.0, 0.0],
        [2 * PI / 3, 0.0, 1.0, 0.0],
    ],
    "CartPole-v1": [
        [0.0, 0.0, 0.0, 0.0],
        [X, 0.0, 0.0, 0.0],
        [-X, 0.0, 0.0, 0.0],
        [X + 1e-5, 0.0, 0.0, 0.0],
        [X - 1e-5, 0.0, 0.0, 0.0],
        [-X - 1e-5, 0.0, 0.0, 0.0],
        [-X + 1e-5, 0.0, 0.0, 0.0],
        [0.0, 0.0, THETA, 0.0],
        [0.0, 0.0, -THETA, 0.0],
        [0.0, 0.0, THETA + 1e-6, 0.0],
        [0.0, 0.0, THETA - 1e-6, 0.0],
        [0.0, 0.0, -THETA - 1e-6, 0.0],
        [0.0, 0.0, -THETA + 1e-6, 0.0],
        [X - 0.02, 1.001, 0.0, 0.0],
        [X - 0.02, 0.999, 0.0, 0.0],
    ],
    "MountainCar-v0": [
        [-1.2, 0.0],
        [-1.2, -0.01],
        [-1.2, -0.07],
        [-1.15, -0.07],
        [-1.2, 0.07],
        [0.5, 0.0],
        [0.5, -0.01],
        [0.499, 0.002],
        [0.6, 0.07],
        [0.59, 0.07],
        [-0.5, 0.0],
    ],
    "MountainCarContinuous-v0": [
        [-1.2, 0.0],
        [-1.2, -0.01],
        [-1.2, -0.07],
        [-1.15, -0.07],
        [-1.2, 0.07],
        [0.45, 0.0],
        [0.45, -0.01],
        [0.449, 0.002],
        [0.6, 0.07],
        [0.59, 0.07],
        [-0.5, 0.0],
    ],
    "Pendulum-v1": [
        [0.0, 0.0],
        [PI - 1e-3, 0.0],
        [-PI + 1e-3, 0.0],
        [PI + 1e-3, 0.0],
        [TURN, 8.0],
        [-TURN, -8.0],
        [3 * PI / 2, 8.0],
        [PI / 2, -8.0],
        [40.0, 7.9],
    ],
}


def random_states(name, size, seed):
    """Float32 states of shape `(size, D)`, uniform in `RANGES`."""
    high = np.array(RANGES[name])
    states = np.random.default_rng(seed).uniform(-high, high, (size, len(high)))
    if name.startswith("MountainCar"):
        states[:, 0] = states[:, 0] * 0.75 - 0.3
    return states.astype(np.float32)


def random_actions(env, size, seed, beyond=1.5):
    """Actions in gymnasium's format; a Box also beyond its bounds."""
    rng = np.random.default_rng(seed)
    space = env.action_space
    if hasattr(space, "n"):
        return rng.integers(space.start, space.start + space.n, size)
    shape = (size, *space.shape)
    return (beyond * rng.uniform(space.low, space.high, shape)).astype(
        np.float32
    )


def make_state(env, states):
    """An in-graph state from rows `(N, D)`."""
    kind, dtypes = _state_type(env)
    columns = zip(np.transpose(states), dtypes, strict=True)
    return kind(*(tf.constant(column, dtype) for column, dtype in columns))


@functools.cache
def _state_type(env):
    state = env.initial(seeds(1))
    return type(state), [leaf.dtype for leaf in state]


def rows(state):
    """Rows `(N, D)` of an in-graph state."""
    return np.stack([leaf.numpy() for leaf in state], axis=-1)


def seeds(size, offset=0):
    """A seed a row, different ones for another offset."""
    counter = (np.arange(size, dtype=np.uint32), np.uint32(offset))
    return prng.threefry2x32((np.uint32(1), np.uint32(2)), counter)


class Reference:
    """Gymnasium's environment, put into a state before each step."""

    def __init__(self, name):
        self.env = gymnasium.make(name, disable_env_checker=True)
        self.env.reset(seed=0)

    def set_state(self, state):
        unwrapped = self.env.unwrapped
        if hasattr(unwrapped, "P"):
            unwrapped.s = int(state)
            return
        # Gymnasium computes MountainCarContinuous in float32, others in
        # float64.
        continuous = "Continuous" in type(unwrapped).__name__
        dtype = np.float32 if continuous else np.float64
        unwrapped.state = np.array(state, dtype)
        unwrapped.steps_beyond_terminated = None

    @property
    def state(self):
        unwrapped = self.env.unwrapped
        if hasattr(unwrapped, "P"):
            return np.array([unwrapped.s])
        return np.array(unwrapped.state, np.float32)

    def step(self, action):
        return self.env.step(action)

    def step_rows(self, states, actions):
        """Steps each row from its state.

        Returns:
            Next states, observations, rewards, terminated.
        """
        results = []
        for state, action in zip(states, actions, strict=True):
            self.set_state(state)
            observation, reward, terminated, _, _ = self.env.unwrapped.step(
                action
            )
            results.append((self.state, observation, reward, terminated))
        return tuple(np.array(column) for column in zip(*results, strict=True))
