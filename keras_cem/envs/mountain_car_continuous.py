"""MountainCarContinuous-v0: the mountain car with a throttle."""

import dataclasses
from typing import Any

import keras
import tensorflow as tf

from keras_cem import prng, spaces
from keras_cem.envs.base import Environment, Seeds
from keras_cem.envs.mountain_car import (
    MountainCarState,
    move_car,
    reached_goal,
)


@dataclasses.dataclass(frozen=True)
class MountainCarContinuousParameters:
    """Numbers of the mountain car, under gymnasium's names."""

    min_action: float = -1.0
    max_action: float = 1.0
    min_position: float = -1.2
    max_position: float = 0.6
    max_speed: float = 0.07
    goal_position: float = 0.45
    goal_velocity: float = 0.0
    power: float = 0.0015
    gravity: float = 0.0025
    reset_low: float = -0.6
    reset_high: float = -0.4


@keras.saving.register_keras_serializable("keras_cem")
class MountainCarContinuous(Environment[MountainCarState]):
    """A weak car in a valley must build up momentum to reach the goal.

    Action space: `Box(-1, 1, (1,))`, float32, the force on the car. A larger
    force is clipped, but the reward counts it before clipping.

    Observation space: `Box` of shape `(2,)`, float32.

    | Num | Observation | Min   | Max  | Unit       |
    |-----|-------------|-------|------|------------|
    | 0   | position    | -1.2  | 0.6  | m          |
    | 1   | velocity    | -0.07 | 0.07 | m per step |

    Rewards: `-0.1 * action**2` for each step, plus 100 at the goal.

    Starting state: position uniform in [-0.6, -0.4), velocity 0.

    Episode end: terminated at a position of at least 0.45 m with a velocity of
    at least `goal_velocity`; truncated after 999 steps. Solved at a mean return
    of 90.

    Args:
        max_episode_steps: Steps of an episode. Defaults to `None`, 999.
        **parameters: `min_action`, `max_action`, `min_position`,
            `max_position`, `goal_position` [m], `max_speed`, `goal_velocity`
            [m per step], `power`, `gravity` [m per step^2], `reset_low`,
            `reset_high` (bounds of the starting position) [m].

    Differences from the reference: only the last bits of float32.

    Example:

    >>> MountainCarContinuous().action_space
    Box(low=-1.0, high=1.0, shape=[1], dtype='float32')

    References:
        Moore (1990), Efficient memory-based learning for robot control.
        https://www.cl.cam.ac.uk/techreports/UCAM-CL-TR-209.pdf
    """

    id = "MountainCarContinuous-v0"
    max_episode_steps = 999
    reward_threshold = 90.0
    Parameters = MountainCarContinuousParameters

    @property
    def observation_space(self) -> spaces.Box:
        """Position and velocity."""
        p = self.parameters
        return spaces.Box(
            [p.min_position, -p.max_speed], [p.max_position, p.max_speed]
        )

    @property
    def action_space(self) -> spaces.Box:
        """The force on the car."""
        p = self.parameters
        return spaces.Box(p.min_action, p.max_action, (1,))

    def initial(self, seeds: Seeds) -> MountainCarState:
        """Draws a car at rest near the bottom of the valley."""
        p = self.parameters
        (position,) = prng.row_uniform(seeds, 1, p.reset_low, p.reset_high)
        return MountainCarState(position, tf.zeros_like(position))

    def transition(
        self, state: MountainCarState, actions: Any, seeds: Seeds
    ) -> tuple[MountainCarState, tf.Tensor, tf.Tensor]:
        """Plays one step; ignores the seeds."""
        p = self.parameters
        action = tf.cast(actions, tf.float32)[:, 0]
        force = tf.clip_by_value(action, p.min_action, p.max_action)
        velocity = state.velocity + (
            force * p.power - p.gravity * tf.cos(3.0 * state.position)
        )
        state = move_car(p, state.position, velocity)
        terminated = reached_goal(p, state)
        rewards = tf.where(terminated, 100.0, 0.0) - tf.square(action) * 0.1
        return state, rewards, terminated

    def observe(self, state: MountainCarState) -> tf.Tensor:
        """Returns the state as `(N, 2)`."""
        return tf.stack(state, axis=-1)
