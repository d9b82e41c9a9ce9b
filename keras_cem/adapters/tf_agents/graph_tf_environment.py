"""In-graph environments as TF-Agents' `TFEnvironment`s."""

from typing import Any

import tensorflow as tf
from tf_agents.environments import tf_environment
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step as ts

from keras_cem import prng
from keras_cem.adapters.tf_agents import specs
from keras_cem.envs import stepping
from keras_cem.envs.base import Environment
from keras_cem.envs.checking import check
from keras_cem.utils import checks


class GraphTFEnvironment(tf_environment.TFEnvironment):
    """A batched in-graph environment for TF-Agents' drivers and metrics.

    `reset` and `step` use only tensors and variables, so they run in
    `tf.function`, with or without XLA. Episodes are truncated after
    `environment.max_episode_steps` steps, with LAST and discount 1. Terminated
    episodes end with LAST and discount 0. The step after LAST ignores the
    action and returns FIRST of the next episode. A row depends on the seed, its
    actions and the number of steps and resets, but not on `batch_size`.

    `agent.fit` and `agent.evaluate` play the wrapped environment directly.

    Args:
        environment: An in-graph environment, see `keras_cem.envs`.
        batch_size: Number of rows. Defaults to `1`.
        seed: Seed of all episodes, int in [0, 2**32). Defaults to `0`.

    Attributes:
        environment: The in-graph environment.

    Raises:
        TypeError: If `environment` is not an in-graph environment.
        ValueError: If `batch_size` or `seed` is out of range.
    """

    def __init__(
        self, environment: Environment, batch_size: int = 1, seed: int = 0
    ):
        check(environment)
        checks.at_least(1, batch_size=batch_size)
        checks.number(0, prng.MAX_SEED, seed=seed)
        self.environment = environment
        observation, action = (
            tensor_spec.from_spec(specs.from_space(space, name))
            for space, name in (
                (environment.observation_space, "observation"),
                (environment.action_space, "action"),
            )
        )
        super().__init__(ts.time_step_spec(observation), action, batch_size)
        self._actions = specs.Side(action, "action_spec", acts=True)
        self._seed = int(seed)
        self._num_resets = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._latest = tf.nest.map_structure(
            lambda tensor: tf.Variable(tensor, trainable=False), self._begin(0)
        )

    def _current_time_step(self) -> ts.TimeStep:
        return tf.nest.map_structure(tf.identity, self._latest[1])

    def _reset(self) -> ts.TimeStep:
        number = self._num_resets.assign_add(1)
        return self._keep(self._begin(number))

    def _step(self, action: Any) -> ts.TimeStep:
        before, _ = tf.nest.map_structure(tf.identity, self._latest)
        after = stepping.advance(
            self.environment, before, self._actions.to_space(action)
        )
        over = after.terminated | after.truncated
        step_type = tf.where(
            after.started,
            ts.StepType.FIRST,
            tf.where(over, ts.StepType.LAST, ts.StepType.MID),
        )
        discount = tf.where(after.terminated, 0.0, 1.0)
        return self._keep(
            (
                after.playing,
                ts.TimeStep(
                    step_type, after.rewards, discount, after.observations
                ),
            )
        )

    def _begin(self, number: Any) -> tuple[stepping.Playing, ts.TimeStep]:
        key = prng.make_key(self._seed, prng.Stream.TF_ENVIRONMENT, number)
        begun, observations = stepping.begin(
            self.environment, self.batch_size, key
        )
        return begun, ts.restart(observations, self.batch_size)

    def _keep(self, latest: tuple[Any, ts.TimeStep]) -> ts.TimeStep:
        tf.nest.map_structure(
            lambda variable, tensor: variable.assign(tensor),
            self._latest,
            latest,
        )
        return tf.nest.map_structure(tf.identity, latest[1])
