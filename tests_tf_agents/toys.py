"""One environment in each form that TF-Agents and gymnasium have for it.

A walk on a line in eighths, so that floats of any engine are exact. Observed
are position and speed; actions speed up by -1/8, 0 or 1/8; the reward is the
new position. It terminates beyond 1 and is truncated after 6 steps.
"""

import gymnasium
import numpy as np
import tensorflow as tf
from tf_agents.environments import py_environment, tf_environment
from tf_agents.specs import array_spec, tensor_spec
from tf_agents.trajectories import time_step as ts

LIMIT = 6
OBSERVATION = array_spec.BoundedArraySpec((2,), np.float32, -9.0, 9.0, "walk")
ACTION = array_spec.BoundedArraySpec((), np.int32, 3, 5, "push")


def start(seed):
    """Where the episode of a reset seed starts."""
    return 0.0 if seed is None else (seed % 5 - 2) / 8


def move(position, speed, action):
    """One step, of numbers, arrays or tensors."""
    speed = speed + (action - 4) / 8
    position = position + speed
    return position, speed, abs(position) > 1


class Gymnasium(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-9.0, 9.0, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(3, start=3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._state, self._steps = (start(seed), 0.0), 0
        return np.array(self._state, np.float32), {}

    def step(self, action):
        position, speed, over = move(*self._state, int(action))
        self._state = position, speed
        self._steps += 1
        late = self._steps == LIMIT
        observation = np.array(self._state, np.float32)
        return observation, position, over, late and not over, {}


class Py(py_environment.PyEnvironment):
    """As the base class says: `seed` is of the next reset."""

    def __init__(self, handle_auto_reset=False, seedable=True):
        super().__init__(handle_auto_reset)
        self._seedable = seedable
        self._seed = None
        self.num_resets = 0

    def observation_spec(self):
        return OBSERVATION

    def action_spec(self):
        return ACTION

    def seed(self, seed):
        if not self._seedable:
            return super().seed(seed)
        self._seed = seed
        return seed

    def _reset(self):
        self.num_resets += 1
        self._state, self._steps = (start(self._seed), 0.0), 0
        return ts.restart(np.array(self._state, np.float32))

    def _step(self, action):
        # After LAST, without auto reset, it would walk on from there.
        assert action.dtype == np.int32
        assert action.shape == ()
        position, speed, over = move(*self._state, int(action))
        self._state = position, speed
        self._steps += 1
        observation = np.array(self._state, np.float32)
        reward = np.float32(position)
        if over:
            return ts.termination(observation, reward)
        if self._steps >= LIMIT:
            return ts.truncation(observation, reward)
        return ts.transition(observation, reward)


class Batched(py_environment.PyEnvironment):
    """Rows in one array; each resets itself in the step after its LAST."""

    def __init__(self, batch_size=3, handle_auto_reset=False):
        super().__init__(handle_auto_reset)
        self._batch_size = batch_size

    @property
    def batched(self):
        return True

    @property
    def batch_size(self):
        return self._batch_size

    def observation_spec(self):
        return OBSERVATION

    def action_spec(self):
        return ACTION

    def _reset(self):
        self._state = np.zeros((self._batch_size, 2), np.float32)
        self._steps = np.zeros(self._batch_size, int)
        self._over = np.zeros(self._batch_size, bool)
        return ts.restart(self._state.copy(), self._batch_size)

    def _step(self, action):
        assert action.shape == (self._batch_size,)
        began = self._over
        position, speed, terminated = move(*self._state.T, action)
        self._state = np.stack([position, speed], axis=1).astype(np.float32)
        self._state[began], self._steps = (
            0.0,
            np.where(began, 0, self._steps + 1),
        )
        terminated &= ~began
        self._over = terminated | (self._steps >= LIMIT)
        types = np.where(self._over, ts.StepType.LAST, ts.StepType.MID)
        return ts.TimeStep(
            np.where(began, ts.StepType.FIRST, types).astype(np.int32),
            np.where(began, 0.0, self._state[:, 0]).astype(np.float32),
            np.where(terminated, 0.0, 1.0).astype(np.float32),
            self._state.copy(),
        )


class Native(tf_environment.TFEnvironment):
    """Variables and TensorFlow alone; seeds in eighths, where they are given.

    Args:
        batch_size: Rows.
        python: Whether a step calls into Python, which XLA cannot compile.
    """

    def __init__(self, batch_size=1, python=False):
        time_step_spec = ts.time_step_spec(tensor_spec.from_spec(OBSERVATION))
        action_spec = tensor_spec.from_spec(ACTION)
        super().__init__(time_step_spec, action_spec, batch_size)
        self._python = python
        self._position = tf.Variable(tf.zeros(batch_size))
        self._speed = tf.Variable(tf.zeros(batch_size))
        self._steps = tf.Variable(tf.zeros(batch_size, tf.int32))
        self._over = tf.Variable(tf.zeros(batch_size, tf.bool))
        self.num_resets = tf.Variable(0)

    def _observation(self):
        return tf.stack([self._position, self._speed], axis=1)

    def _current_time_step(self):
        return ts.restart(self._observation(), self.batch_size)

    def _start(self):
        return tf.zeros(self.batch_size)

    def _reset(self):
        self.num_resets.assign_add(1)
        self._position.assign(self._start())
        self._speed.assign(tf.zeros(self.batch_size))
        self._steps.assign(tf.zeros(self.batch_size, tf.int32))
        self._over.assign(tf.zeros(self.batch_size, tf.bool))
        return ts.restart(self._observation(), self.batch_size)

    def _step(self, action):
        if self._python:
            action = tf.numpy_function(lambda x: x, [action], tf.int32)
            action = tf.ensure_shape(action, (self.batch_size,))
        began = self._over.read_value()
        if tf.reduce_all(began):  # Needs autograph.
            action = tf.fill([self.batch_size], 4)
        push = tf.cast(action, tf.float32)
        position, speed, terminated = move(self._position, self._speed, push)
        steps = tf.where(began, 0, self._steps + 1)
        terminated &= ~began
        over = terminated | (steps >= LIMIT)
        self._position.assign(tf.where(began, self._start(), position))
        self._speed.assign(tf.where(began, 0.0, speed))
        self._steps.assign(steps)
        self._over.assign(over)
        types = tf.where(over, ts.StepType.LAST, ts.StepType.MID)
        return ts.TimeStep(
            tf.where(began, ts.StepType.FIRST, types),
            tf.where(began, 0.0, position),
            tf.where(terminated, 0.0, 1.0),
            self._observation(),
        )


class SeedRows(Native):
    """Starts where the seeds of its rows say."""

    def __init__(self, batch_size=1):
        super().__init__(batch_size)
        self._starts = tf.Variable(tf.zeros(batch_size))

    def seed_rows(self, seeds):
        self._starts.assign(tf.cast(seeds[0] % 5, tf.float32) / 8 - 0.25)

    def _start(self):
        return self._starts.read_value()
