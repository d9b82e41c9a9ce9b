"""Acrobot-v1: swing a chain of two links above a line."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from keras_cem import prng, spaces
from keras_cem.envs.base import Environment, Seeds


class AcrobotState(NamedTuple):
    """Angles and angular velocities of both links.

    Each is a float32 vector of shape `(N,)`. The second angle is relative to
    the first link. All are 0 when the chain hangs at rest.
    """

    theta1: tf.Tensor
    theta2: tf.Tensor
    dtheta1: tf.Tensor
    dtheta2: tf.Tensor


@dataclasses.dataclass(frozen=True)
class AcrobotParameters:
    """Numbers of the acrobot, under gymnasium's names in lower case."""

    dt: float = 0.2
    link_length_1: float = 1.0
    link_mass_1: float = 1.0
    link_mass_2: float = 1.0
    link_com_pos_1: float = 0.5
    link_com_pos_2: float = 0.5
    link_moi: float = 1.0
    max_vel_1: float = 4 * math.pi
    max_vel_2: float = 9 * math.pi
    torque: float = 1.0
    gravity: float = 9.8
    book_or_nips: str = "book"
    reset_low: float = -0.1
    reset_high: float = 0.1

    def __post_init__(self) -> None:
        if self.book_or_nips not in ("book", "nips"):
            raise ValueError(
                "`book_or_nips` must be 'book' or 'nips'. "
                f"Received: book_or_nips={self.book_or_nips!r}"
            )


@keras.saving.register_keras_serializable("keras_cem")
class Acrobot(Environment[AcrobotState]):
    """A chain of two links with a motor between them; swing it up.

    Action space: `Discrete(3)`. The motor applies a torque of -1, 0 or 1 N m.

    Observation space: `Box` of shape `(6,)`, float32. theta1 is the angle of
    the first link, 0 if it points down. theta2 is the angle of the second link
    relative to the first.

    | Num | Observation      | Min     | Max    | Unit  |
    |-----|------------------|---------|--------|-------|
    | 0   | cos(theta1)      | -1      | 1      | 1     |
    | 1   | sin(theta1)      | -1      | 1      | 1     |
    | 2   | cos(theta2)      | -1      | 1      | 1     |
    | 3   | sin(theta2)      | -1      | 1      | 1     |
    | 4   | velocity, theta1 | -12.567 | 12.567 | rad/s |
    | 5   | velocity, theta2 | -28.274 | 28.274 | rad/s |

    Rewards: -1 for each step, 0 for the step that terminates.

    Starting state: all four numbers uniform in [-0.1, 0.1).

    Episode end: terminated if the free end is above the line,
    `-cos(theta1) - cos(theta1 + theta2) > 1`; truncated after 500 steps.
    Solved at a mean return of -100.

    Args:
        max_episode_steps: Steps of an episode. Defaults to `None`, 500.
        **parameters: `dt` [s], `link_length_1` [m], `link_mass_1`,
            `link_mass_2` [kg], `link_com_pos_1`, `link_com_pos_2` (centers of
            mass) [m], `link_moi` (moment of inertia) [kg m^2], `max_vel_1`,
            `max_vel_2` [rad/s], `torque` [N m], `gravity` [m/s^2],
            `book_or_nips` (equations of the book or of the paper),
            `reset_low`, `reset_high`.

    Differences from the reference: float32 instead of float64. The system is
    chaotic, so trajectories differ after about ten steps although each single
    step agrees. No noise on the torque.

    Example:

    >>> Acrobot(dt=0.05).parameters.dt
    0.05

    References:
        Sutton (1996), Generalization in reinforcement learning: successful
        examples using sparse coarse coding. Sutton and Barto (2018),
        Reinforcement learning: an introduction.
        http://incompleteideas.net/book/the-book-2nd.html
    """

    id = "Acrobot-v1"
    max_episode_steps = 500
    reward_threshold = -100.0
    Parameters = AcrobotParameters

    @property
    def observation_space(self) -> spaces.Box:
        """Cosines and sines of the angles, and velocities."""
        p = self.parameters
        high = [1.0, 1.0, 1.0, 1.0, p.max_vel_1, p.max_vel_2]
        return spaces.Box([-bound for bound in high], high)

    @property
    def action_space(self) -> spaces.Discrete:
        """Torque of -1, 0 or 1."""
        return spaces.Discrete(3)

    def initial(self, seeds: Seeds) -> AcrobotState:
        """Draws a chain that hangs nearly at rest."""
        p = self.parameters
        return AcrobotState(
            *prng.row_uniform(seeds, 4, p.reset_low, p.reset_high)
        )

    def transition(
        self, state: AcrobotState, actions: Any, seeds: Seeds
    ) -> tuple[AcrobotState, tf.Tensor, tf.Tensor]:
        """Plays one step of `dt` seconds; ignores the seeds."""
        p = self.parameters
        torque = (tf.cast(actions, tf.float32) - 1.0) * p.torque
        theta1, theta2, dtheta1, dtheta2 = runge_kutta(
            lambda y: self._derivatives(AcrobotState(*y), torque), state, p.dt
        )
        state = AcrobotState(
            wrap(theta1),
            wrap(theta2),
            tf.clip_by_value(dtheta1, -p.max_vel_1, p.max_vel_1),
            tf.clip_by_value(dtheta2, -p.max_vel_2, p.max_vel_2),
        )
        height = -tf.cos(state.theta1) - tf.cos(state.theta2 + state.theta1)
        terminated = height > 1.0
        return state, tf.where(terminated, 0.0, -1.0), terminated

    def observe(self, state: AcrobotState) -> tf.Tensor:
        """Returns cosines, sines and velocities: `(N, 6)`."""
        theta1, theta2, dtheta1, dtheta2 = state
        parts = [tf.cos(theta1), tf.sin(theta1), tf.cos(theta2), tf.sin(theta2)]
        return tf.stack([*parts, dtheta1, dtheta2], axis=-1)

    def _derivatives(
        self, state: AcrobotState, torque: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        """Returns the velocities and accelerations of both angles."""
        p = self.parameters
        m1, m2, l1 = p.link_mass_1, p.link_mass_2, p.link_length_1
        lc1, lc2, moi, g = (
            p.link_com_pos_1,
            p.link_com_pos_2,
            p.link_moi,
            p.gravity,
        )
        theta1, theta2, dtheta1, dtheta2 = state
        cos2, sin2 = tf.cos(theta2), tf.sin(theta2)
        d1 = (
            m1 * lc1**2
            + m2 * (l1**2 + lc2**2 + 2.0 * l1 * lc2 * cos2)
            + moi
            + moi
        )
        d2 = m2 * (lc2**2 + l1 * lc2 * cos2) + moi
        phi2 = m2 * lc2 * g * tf.cos(theta1 + theta2 - math.pi / 2.0)
        phi1 = (
            -m2 * l1 * lc2 * tf.square(dtheta2) * sin2
            - 2.0 * m2 * l1 * lc2 * dtheta2 * dtheta1 * sin2
            + (m1 * lc1 + m2 * l1) * g * tf.cos(theta1 - math.pi / 2.0)
            + phi2
        )
        push = torque + d2 / d1 * phi1
        if p.book_or_nips == "book":
            push = push - m2 * l1 * lc2 * tf.square(dtheta1) * sin2
        ddtheta2 = (push - phi2) / (m2 * lc2**2 + moi - tf.square(d2) / d1)
        ddtheta1 = -(d2 * ddtheta2 + phi1) / d1
        return dtheta1, dtheta2, ddtheta1, ddtheta2


def runge_kutta(
    derivatives: Callable[[Any], Any], y0: tuple[Any, ...], dt: float
) -> tuple[Any, ...]:
    """Computes one step of the fourth-order Runge-Kutta method.

    Args:
        derivatives: Function of the variables that returns the derivative of
            each.
        y0: The variables, each a tensor.
        dt: Length of the step.

    Returns:
        The variables after `dt`.
    """

    def ahead(k: Any, step: float) -> tuple[Any, ...]:
        return tuple(y + step * dy for y, dy in zip(y0, k, strict=True))

    k1 = derivatives(y0)
    k2 = derivatives(ahead(k1, dt / 2.0))
    k3 = derivatives(ahead(k2, dt / 2.0))
    k4 = derivatives(ahead(k3, dt))
    return tuple(
        y + dt / 6.0 * (a + 2.0 * b + 2.0 * c + d)
        for y, a, b, c, d in zip(y0, k1, k2, k3, k4, strict=True)
    )


def wrap(angle: tf.Tensor) -> tf.Tensor:
    """Adds or subtracts full turns until the angle is in [-pi, pi]."""
    turn = 2.0 * math.pi
    above = tf.math.ceil((angle - math.pi) / turn)
    below = tf.math.ceil((-math.pi - angle) / turn)
    return angle - turn * (tf.maximum(above, 0.0) - tf.maximum(below, 0.0))
