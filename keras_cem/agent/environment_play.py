"""Playing environments with an agent, without learning."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_cem import heads, prng, spaces
from keras_cem.engines import sources
from keras_cem.engines.host.observation_buffer import ObservationBuffer
from keras_cem.engines.player import Player
from keras_cem.engines.recorded.source import RecordedSource
from keras_cem.engines.trajectories import Trajectories
from keras_cem.utils import checks
from keras_cem.utils.keras_internals import set_untracked

DEFAULT_BATCH_SIZE = 64


class EnvironmentPlay(keras.Model):
    """Lets a `keras.Model` act and play whole episodes.

    `CEMAgent` is a subclass. This class uses its spaces, its seed and
    `build_for`.
    """

    observation_space: spaces.Space | None
    head: heads.Head
    seed: int

    @property
    def action_space(self) -> spaces.Space:
        """Description of the action space."""
        return self.head.space

    def _prepare_play(self) -> None:
        # Keras does not track these attributes, because none of them is saved.
        set_untracked(self, _player=Player(self), _made_under=_strategy())

    def acting_network(self) -> Any:
        """The network that maps observations to outputs when acting."""
        raise NotImplementedError

    @property
    def num_forgotten(self) -> int:
        """Number of times that the compiled acting functions were dropped."""
        return self._player.num_forgotten

    def check_no_strategy(self) -> None:
        """Refuses environments under a `tf.distribute` strategy.

        Raises:
            ValueError: If the agent was created under a strategy, or a strategy
                is active.
        """
        strategy = _strategy() or self._made_under
        if strategy is not None:
            raise ValueError(
                "Environments must be played without a `tf.distribute` "
                f"strategy. Received: {strategy}. Make and use the agent "
                "outside of `strategy.scope()`."
            )

    def collect(
        self,
        env: Any,
        batch_size: int = DEFAULT_BATCH_SIZE,
        *,
        epsilon: float | None = None,
        seed: int | None = None,
        num_envs: int | None = None,
        vectorization_mode: str | None = None,
        max_episode_steps: int | None = None,
        step_timeout: float | None = None,
        max_env_restarts: int | None = None,
        engine: str = "auto",
    ) -> Trajectories:
        """Plays whole episodes without learning, and returns them.

        Without training in between, two calls with the same `seed` play the
        same episodes.

        Args:
            env: An environment as in `fit`.
            batch_size: Number of episodes. Defaults to `64`.
            epsilon: Amount of exploration. Defaults to `None`: act greedily.
            seed: Seed of resets and exploration. Defaults to the agent's.
            num_envs: As in `fit`.
            vectorization_mode: As in `fit`.
            max_episode_steps: As in `fit`.
            step_timeout: As in `fit`.
            max_env_restarts: As in `fit`.
            engine: As in `fit`.

        Returns:
            `Trajectories` of NumPy arrays.
        """
        self.check_no_strategy()
        checks.at_least(1, batch_size=batch_size)
        checks.at_least(0, seed=seed)
        if seed is not None:
            checks.number(0, prng.MAX_SEED, seed=seed)
        epsilon = plain_number(epsilon)
        if epsilon is not None:
            self.head.check_epsilon(epsilon)
        env_options = {
            "num_envs": num_envs,
            "vectorization_mode": vectorization_mode,
            "max_episode_steps": max_episode_steps,
            "step_timeout": step_timeout,
            "max_env_restarts": max_env_restarts,
            "engine": engine,
        }
        source = self._open(env, batch_size, env_options)
        try:
            return self._player.play(
                source,
                batch_size,
                prng.COLLECT_RESETS,
                epsilon=epsilon,
                seed=seed,
            )
        finally:
            source.close()

    def act(self, observation: Any, epsilon: float = 0.0) -> Any:
        """Returns the action for one observation, in the form of `env.step`.

        Args:
            observation: One observation, without a batch axis.
            epsilon: Amount of exploration. Above 0, the action is drawn from
                the explored policy. Exploration continues from call to call.
                Defaults to `0.0`: the greedy action.

        Returns:
            NumPy scalar or array of the action space's dtype and shape, or a
            nest of them for a `Dict` or `Tuple`.

        Raises:
            ValueError: If the agent has no observation space, or the
                observation does not fit the space, is outside of an integer
                space, or is not finite.
        """
        if self.observation_space is None:
            raise ValueError(
                "`act` needs the agent's observation space. Received: "
                "observation_space=None. Give `observation_space` to "
                "`CEMAgent`, or `fit` on an environment first."
            )
        buffer = ObservationBuffer(self.observation_space, 1)
        epsilon = plain_number(epsilon)
        buffer.write(0, observation)
        fault = buffer.outside(np.arange(1))
        if fault is not None:
            raise ValueError(f"{fault[1]}.")
        if buffer.not_finite(np.arange(1)).size:
            raise ValueError(
                "`observation` must be finite. "
                f"Received: observation={observation}"
            )
        actions = self._player.act(buffer, epsilon or None)
        return self.action_space.pack([leaf[0] for leaf in actions])

    @classmethod
    def spaces_of(cls, env: Any) -> tuple[spaces.Space, spaces.Space]:
        """Returns the observation and the action space of an environment.

        Args:
            env: An environment as in `fit`, or a Minari dataset.
        """
        return cls._look_at(env)[:2]

    @classmethod
    def _look_at(
        cls, env: Any, observing: Callable[[spaces.Space], bool] | None = None
    ) -> tuple[spaces.Space, spaces.Space, Any]:
        """Returns the spaces of an environment and its first observations.

        Args:
            env: As in `spaces_of`.
            observing: Function of the observation space that tells whether to
                reset `env` and return observations. Defaults to `None`: no
                observations.

        Returns:
            The observation space, the action space, and a batch of observations
            with one array per leaf, or None without observations.
        """
        source = sources.open_source(
            env, sources.Options(batch_size=1, max_episode_steps=1)
        )
        observations = None
        try:
            space = source.observation_space
            if space is not None and observing is not None and observing(space):
                observations = source.first_observations()
        finally:
            source.close()
        if source.observation_space is None or source.action_space is None:
            raise ValueError(
                "`env` must have spaces. Received: "
                f"{source.name}, which has none. Give `action_space` and "
                "`observation_space` to `CEMAgent`."
            )
        return source.observation_space, source.action_space, observations

    def _open(
        self,
        env: Any,
        batch_size: int,
        env_options: dict[str, Any],
        argument: str = "x",
    ) -> sources.Playable:
        opened = sources.open_source(
            env, sources.Options(batch_size, **env_options)
        )
        try:
            source = opened.playable()
            if source.action_space != self.action_space:
                raise ValueError(
                    f"`{argument}` must be an environment with the agent's "
                    f"action space, {self.action_space}. "
                    f"Received: action_space={source.action_space}"
                )
            self.build_for(source.observation_space)
        except BaseException:
            opened.close()
            raise
        return source

    def _open_recorded(
        self, recorded: Any, batch_size: int | None
    ) -> RecordedSource:
        """Reads recorded episodes into a source that has its batch size K."""
        source = sources.open_recorded(recorded)
        size = source.choose_batch_size(batch_size, DEFAULT_BATCH_SIZE)
        action_space = source.action_space or self.action_space
        if action_space != self.action_space:
            raise ValueError(
                "`x` must hold episodes of the agent's action space, "
                f"{self.action_space}. Received: {source.name} with "
                f"action_space={action_space}"
            )
        observation_space = source.observation_space or self.observation_space
        if observation_space is None:
            raise ValueError(
                "`fit` on a list of episodes needs the agent's observation "
                "space. Received: observation_space=None. Give "
                "`observation_space` to `CEMAgent`."
            )
        self.build_for(observation_space)
        source.load(observation_space, action_space, size)
        return source


def plain_number(value: Any) -> Any:
    """Converts a scalar variable, tensor or array to a float.

    Args:
        value: For example `agent.epsilon` or `agent.epsilon * 0.5`. Anything
            else is returned unchanged.
    """
    kinds = (keras.Variable, tf.Tensor, tf.Variable, np.ndarray)
    if isinstance(value, kinds) and value.shape == ():
        return float(value)
    return value


def _strategy() -> str | None:
    """Returns the class name of the active `tf.distribute` strategy, if any."""
    if not tf.distribute.has_strategy():
        return None
    return type(tf.distribute.get_strategy()).__name__
