"""Pendulum-v1: swing a pendulum up and keep it there."""

import dataclasses
import math
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from keras_cem import prng, spaces
from keras_cem.envs.base import Environment, Seeds


class PendulumState(NamedTuple):
    """Angle (0 upright, unlimited) and velocity, float32 `(N,)` each."""

    theta: tf.Tensor
    theta_dot: tf.Tensor


@dataclasses.dataclass(frozen=True)
class PendulumParameters:
    """Numbers of the pendulum, under gymnasium's names."""

    max_speed: float = 8.0
    max_torque: float = 2.0
    dt: float = 0.05
    g: float = 10.0
    m: float = 1.0
    l: float = 1.0  # noqa: E741
    x_init: float = math.pi
    y_init: float = 1.0


@keras.saving.register_keras_serializable("keras_cem")
class Pendulum(Environment[PendulumState]):
    """A pendulum with a weak motor; swing it up and keep it upright.

    Action space: `Box(-2, 2, (1,))`, float32, the torque [N m], positive
    counter-clockwise. A larger torque is clipped.

    Observation space: `Box` of shape `(3,)`, float32.

    | Num | Observation      | Min  | Max | Unit  |
    |-----|------------------|------|-----|-------|
    | 0   | cos(theta)       | -1.0 | 1.0 | 1     |
    | 1   | sin(theta)       | -1.0 | 1.0 | 1     |
    | 2   | angular velocity | -8.0 | 8.0 | rad/s |

    Rewards: `-(theta**2 + 0.1 * theta_dot**2 + 0.001 * torque**2)`, between
    -16.27 and 0. theta is in [-pi, pi) and 0 upright. theta and theta_dot are
    the values before the step; the torque is clipped.

    Starting state: theta uniform in [-pi, pi), angular velocity in [-1, 1).

    Episode end: truncated after 200 steps; never terminated.

    Args:
        max_episode_steps: Steps of an episode. Defaults to `None`, 200.
        **parameters: `max_speed` [rad/s], `max_torque` [N m], `dt` [s], `g`
            [m/s^2], `m` [kg], `l` [m], `x_init` and `y_init` (largest starting
            angle and velocity).

    Differences from the reference: float32 instead of float64.

    Example:

    >>> Pendulum(g=9.81).parameters.g
    9.81
    """

    id = "Pendulum-v1"
    max_episode_steps = 200
    Parameters = PendulumParameters

    @property
    def observation_space(self) -> spaces.Box:
        """Position of the free end and angular velocity."""
        high = self.parameters.max_speed
        return spaces.Box([-1.0, -1.0, -high], [1.0, 1.0, high])

    @property
    def action_space(self) -> spaces.Box:
        """The torque."""
        high = self.parameters.max_torque
        return spaces.Box(-high, high, (1,))

    def initial(self, seeds: Seeds) -> PendulumState:
        """Draws a pendulum at any angle."""
        p = self.parameters
        theta, theta_dot = prng.row_uniform(seeds, 2, -1.0, 1.0)
        return PendulumState(p.x_init * theta, p.y_init * theta_dot)

    def transition(
        self, state: PendulumState, actions: Any, seeds: Seeds
    ) -> tuple[PendulumState, tf.Tensor, tf.Tensor]:
        """Plays one step of `dt` seconds; ignores the seeds."""
        p = self.parameters
        theta, theta_dot = state
        torque = tf.cast(actions, tf.float32)[:, 0]
        torque = tf.clip_by_value(torque, -p.max_torque, p.max_torque)
        costs = (
            tf.square(angle_normalize(theta))
            + 0.1 * tf.square(theta_dot)
            + 0.001 * tf.square(torque)
        )
        theta_dot = (
            theta_dot
            + (
                3.0 * p.g / (2.0 * p.l) * tf.sin(theta)
                + 3.0 / (p.m * p.l**2) * torque
            )
            * p.dt
        )
        theta_dot = tf.clip_by_value(theta_dot, -p.max_speed, p.max_speed)
        theta = theta + theta_dot * p.dt
        terminated = tf.zeros_like(theta, tf.bool)
        return PendulumState(theta, theta_dot), -costs, terminated

    def observe(self, state: PendulumState) -> tf.Tensor:
        """Returns cosine and sine of the angle, and the velocity: `(N, 3)`."""
        theta, theta_dot = state
        return tf.stack([tf.cos(theta), tf.sin(theta), theta_dot], axis=-1)


def angle_normalize(theta: tf.Tensor) -> tf.Tensor:
    """Returns the same angle in [-pi, pi)."""
    return tf.math.floormod(theta + math.pi, 2.0 * math.pi) - math.pi
