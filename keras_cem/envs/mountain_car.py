"""MountainCar-v0: drive a weak car out of a valley."""

import dataclasses
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from keras_cem import prng, spaces
from keras_cem.envs.base import Environment, Seeds


class MountainCarState(NamedTuple):
    """State of the car, float32 vectors of shape `(N,)`."""

    position: tf.Tensor
    velocity: tf.Tensor


@dataclasses.dataclass(frozen=True)
class MountainCarParameters:
    """Numbers of the mountain car, under gymnasium's names."""

    min_position: float = -1.2
    max_position: float = 0.6
    max_speed: float = 0.07
    goal_position: float = 0.5
    goal_velocity: float = 0.0
    force: float = 0.001
    gravity: float = 0.0025
    reset_low: float = -0.6
    reset_high: float = -0.4


@keras.saving.register_keras_serializable("keras_cem")
class MountainCar(Environment[MountainCarState]):
    """A weak car in a valley must build up momentum to reach the goal.

    Action space: `Discrete(3)`. 0 accelerates to the left, 1 does not
    accelerate, 2 accelerates to the right.

    Observation space: `Box` of shape `(2,)`, float32.

    | Num | Observation | Min   | Max  | Unit       |
    |-----|-------------|-------|------|------------|
    | 0   | position    | -1.2  | 0.6  | m          |
    | 1   | velocity    | -0.07 | 0.07 | m per step |

    Rewards: -1 for each step.

    Starting state: position uniform in [-0.6, -0.4), velocity 0.

    Episode end: terminated at a position of at least 0.5 m with a velocity of
    at least `goal_velocity`; truncated after 200 steps. Solved at a mean return
    of -110.

    Args:
        max_episode_steps: Steps of an episode. Defaults to `None`, 200.
        **parameters: `min_position`, `max_position`, `goal_position` [m],
            `max_speed`, `goal_velocity` [m per step], `force`, `gravity`
            [m per step^2], `reset_low`, `reset_high` (bounds of the starting
            position) [m].

    Differences from the reference: float32 instead of float64.

    Example:

    >>> MountainCar(goal_velocity=0.01).parameters.goal_velocity
    0.01

    References:
        Moore (1990), Efficient memory-based learning for robot control.
        https://www.cl.cam.ac.uk/techreports/UCAM-CL-TR-209.pdf
    """

    id = "MountainCar-v0"
    max_episode_steps = 200
    reward_threshold = -110.0
    Parameters = MountainCarParameters

    @property
    def observation_space(self) -> spaces.Box:
        """Position and velocity."""
        p = self.parameters
        return spaces.Box(
            [p.min_position, -p.max_speed], [p.max_position, p.max_speed]
        )

    @property
    def action_space(self) -> spaces.Discrete:
        """Left, nothing, right."""
        return spaces.Discrete(3)

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
        direction = tf.cast(actions, tf.float32) - 1.0
        velocity = state.velocity + (
            direction * p.force + tf.cos(3.0 * state.position) * -p.gravity
        )
        state = move_car(p, state.position, velocity)
        return state, -tf.ones_like(velocity), reached_goal(p, state)

    def observe(self, state: MountainCarState) -> tf.Tensor:
        """Returns the state as `(N, 2)`."""
        return tf.stack(state, axis=-1)


def move_car(p: Any, position: Any, velocity: Any) -> MountainCarState:
    """Moves a car within the limits of speed and position.

    Args:
        p: Parameters with `max_speed`, `min_position` and `max_position`.
        position: float32 tensor of shape `(N,)`.
        velocity: float32 tensor of shape `(N,)`, before it is limited.

    Returns:
        The state. The wall on the left stops the car.
    """
    velocity = tf.clip_by_value(velocity, -p.max_speed, p.max_speed)
    position = position + velocity
    position = tf.clip_by_value(position, p.min_position, p.max_position)
    hits_wall = tf.equal(position, p.min_position) & (velocity < 0.0)
    return MountainCarState(position, tf.where(hits_wall, 0.0, velocity))


def reached_goal(p: Any, state: MountainCarState) -> tf.Tensor:
    """Whether each car is at the goal and fast enough, bool `(N,)`."""
    at_goal = state.position >= p.goal_position
    return at_goal & (state.velocity >= p.goal_velocity)
