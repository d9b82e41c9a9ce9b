"""CartPole-v1: balance a pole on a cart."""

import dataclasses
import math
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_cem import prng, spaces
from keras_cem.envs.base import Environment, Seeds


class CartPoleState(NamedTuple):
    """State of cart and pole, float32 vectors of shape `(N,)`."""

    x: tf.Tensor
    x_dot: tf.Tensor
    theta: tf.Tensor
    theta_dot: tf.Tensor


@dataclasses.dataclass(frozen=True)
class CartPoleParameters:
    """Numbers of the cart-pole system, under gymnasium's names."""

    gravity: float = 9.8
    masscart: float = 1.0
    masspole: float = 0.1
    length: float = 0.5
    force_mag: float = 10.0
    tau: float = 0.02
    kinematics_integrator: str = "euler"
    theta_threshold_radians: float = 12 * 2 * math.pi / 360
    x_threshold: float = 2.4
    sutton_barto_reward: bool = False
    reset_low: float = -0.05
    reset_high: float = 0.05

    def __post_init__(self) -> None:
        if self.kinematics_integrator not in ("euler", "semi-implicit euler"):
            raise ValueError(
                "`kinematics_integrator` must be 'euler' or 'semi-implicit "
                "euler'. Received: "
                f"kinematics_integrator={self.kinematics_integrator!r}"
            )

    @property
    def total_mass(self) -> float:
        """Mass of cart and pole [kg]."""
        return self.masspole + self.masscart

    @property
    def polemass_length(self) -> float:
        """Mass of the pole times half its length [kg m]."""
        return self.masspole * self.length


@keras.saving.register_keras_serializable("keras_cem")
class CartPole(Environment[CartPoleState]):
    """A pole on a cart; push the cart so that the pole stays upright.

    Action space: `Discrete(2)`. 0 pushes the cart to the left, 1 to the right,
    with a force of `force_mag`.

    Observation space: `Box` of shape `(4,)`, float32.

    | Num | Observation           | Min    | Max   | Unit  |
    |-----|-----------------------|--------|-------|-------|
    | 0   | cart position         | -4.8   | 4.8   | m     |
    | 1   | cart velocity         | -inf   | inf   | m/s   |
    | 2   | pole angle            | -0.419 | 0.419 | rad   |
    | 3   | pole angular velocity | -inf   | inf   | rad/s |

    Rewards: 1 for each step, including the last. With `sutton_barto_reward`:
    -1 for the step that terminates, else 0.

    Starting state: all four numbers uniform in [-0.05, 0.05).

    Episode end: terminated if the angle exceeds 12 degrees or the position
    2.4 m in either direction; truncated after 500 steps. Solved at a mean
    return of 475.

    Args:
        max_episode_steps: Steps of an episode. Defaults to `None`, 500.
        **parameters: `gravity` [m/s^2], `masscart`, `masspole` [kg], `length`
            (half of the pole's length) [m], `force_mag` [N], `tau` (time step)
            [s], `kinematics_integrator` (`"euler"` or `"semi-implicit
            euler"`), `theta_threshold_radians`, `x_threshold` [m],
            `sutton_barto_reward`, `reset_low`, `reset_high`.

    Differences from the reference: float32 instead of float64; a step after
    termination moves the cart and gives the same reward as any other step, as
    in gymnasium's `CartPoleVectorEnv`.

    Example:

    >>> env = CartPole(force_mag=5.0)
    >>> env.parameters.polemass_length
    0.05

    References:
        Barto et al. (1983), Neuronlike adaptive elements that can solve
        difficult learning control problems.
        https://doi.org/10.1109/TSMC.1983.6313077
    """

    id = "CartPole-v1"
    max_episode_steps = 500
    reward_threshold = 475.0
    Parameters = CartPoleParameters

    @property
    def observation_space(self) -> spaces.Box:
        """Position, velocity, angle and angular velocity."""
        p = self.parameters
        bounds = [p.x_threshold * 2, math.inf]
        bounds += [p.theta_threshold_radians * 2, math.inf]
        return spaces.Box(-np.array(bounds), np.array(bounds))

    @property
    def action_space(self) -> spaces.Discrete:
        """Left or right."""
        return spaces.Discrete(2)

    def initial(self, seeds: Seeds) -> CartPoleState:
        """Draws a cart near the middle with a nearly upright pole."""
        p = self.parameters
        return CartPoleState(
            *prng.row_uniform(seeds, 4, p.reset_low, p.reset_high)
        )

    def transition(
        self, state: CartPoleState, actions: Any, seeds: Seeds
    ) -> tuple[CartPoleState, tf.Tensor, tf.Tensor]:
        """Plays one step of `tau` seconds; ignores the seeds."""
        p = self.parameters
        xacc, thetaacc = self._accelerations(state, actions)
        x, x_dot, theta, theta_dot = state
        if p.kinematics_integrator == "euler":
            x = x + p.tau * x_dot
            x_dot = x_dot + p.tau * xacc
            theta = theta + p.tau * theta_dot
            theta_dot = theta_dot + p.tau * thetaacc
        else:
            x_dot = x_dot + p.tau * xacc
            x = x + p.tau * x_dot
            theta_dot = theta_dot + p.tau * thetaacc
            theta = theta + p.tau * theta_dot
        terminated = (
            (x < -p.x_threshold)
            | (x > p.x_threshold)
            | (theta < -p.theta_threshold_radians)
            | (theta > p.theta_threshold_radians)
        )
        rewards = tf.ones_like(x)
        if p.sutton_barto_reward:
            rewards = -tf.cast(terminated, tf.float32)
        state = CartPoleState(x, x_dot, theta, theta_dot)
        return state, rewards, terminated

    def observe(self, state: CartPoleState) -> tf.Tensor:
        """Returns the state as `(N, 4)`."""
        return tf.stack(state, axis=-1)

    def _accelerations(
        self, state: CartPoleState, actions: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Equations of Florian (2007), https://coneural.org/florian/papers."""
        p = self.parameters
        force = tf.where(tf.equal(actions, 1), p.force_mag, -p.force_mag)
        costheta, sintheta = tf.cos(state.theta), tf.sin(state.theta)
        temp = (
            force + p.polemass_length * tf.square(state.theta_dot) * sintheta
        ) / p.total_mass
        thetaacc = (p.gravity * sintheta - costheta * temp) / (
            p.length
            * (4.0 / 3.0 - p.masspole * tf.square(costheta) / p.total_mass)
        )
        xacc = temp - p.polemass_length * thetaacc * costheta / p.total_mass
        return xacc, thetaacc
