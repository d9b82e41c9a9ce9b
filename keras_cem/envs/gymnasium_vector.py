"""In-graph environments as vector environments of gymnasium.

Importing this module registers them for use by other libraries:

>>> import gymnasium as gym
>>> import keras_cem.envs.gymnasium_vector
>>> envs = gym.make_vec("keras_cem/CartPole-v1", num_envs=4096)
>>> observations, infos = envs.reset(seed=0)
>>> observations.shape
(4096, 4)

The id `"keras_cem.envs.gymnasium_vector:keras_cem/CartPole-v1"` makes gymnasium
import this module itself.
"""

import functools
from typing import Any

import gymnasium
import numpy as np
import tensorflow as tf
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from keras_cem import prng, spaces
from keras_cem.envs import registration, stepping
from keras_cem.envs.base import Environment

NAMESPACE = "keras_cem"


class GraphVectorEnv(VectorEnv):
    """Steps a batched in-graph environment from Python with NumPy arrays.

    Each step is one call of a function compiled by XLA. Episodes are truncated
    after `environment.max_episode_steps`. The step after the end of an episode
    ignores the action and returns the first observation of the next episode
    with reward 0 (`AutoresetMode.NEXT_STEP`, as in gymnasium's
    `CartPoleVectorEnv`). A row depends only on the seed and its own actions,
    not on `num_envs`.

    Args:
        environment: An in-graph environment.
        num_envs: Number of rows. Defaults to `1`.
        render_mode: Must be `None`; rendering is not supported. Defaults to
            `None`.

    Raises:
        ValueError: If `num_envs` is less than 1 or `render_mode` is given.
    """

    metadata = {  # noqa: RUF012, gymnasium's `VectorEnv` has no ClassVar
        "render_modes": [],
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self,
        environment: Environment[Any],
        num_envs: int = 1,
        render_mode: str | None = None,
    ):
        if num_envs < 1:
            raise ValueError(
                f"`num_envs` must be at least 1. Received: num_envs={num_envs}"
            )
        if render_mode is not None:
            raise ValueError(
                "`render_mode` must be None, because in-graph environments "
                f"cannot be rendered. Received: render_mode={render_mode!r}. "
                "Render gymnasium's own environment instead."
            )
        self.environment = environment
        self.num_envs = num_envs
        self.single_observation_space = (
            environment.observation_space.to_gymnasium()
        )
        self.single_action_space = environment.action_space.to_gymnasium()
        self.observation_space = batch_space(
            self.single_observation_space, num_envs
        )
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._playing: stepping.Playing | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Starts an episode in each row.

        Args:
            seed: Seed of all random numbers until the next seed.
            options: Must be empty; bounds of the starting state are parameters
                of the environment.

        Returns:
            Observations and an empty dictionary.
        """
        super().reset(seed=seed)
        if options:
            raise ValueError(
                f"`options` must be empty. Received: options={options}. To "
                "set bounds of the starting state, use the parameters of the "
                "environment."
            )
        words = self.np_random.integers(2**32, size=2, dtype=np.uint32)
        key = (tf.constant(words[0]), tf.constant(words[1]))
        self._playing, observations = self._functions[0](key)
        return _to_numpy(observations), {}

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Plays one step in each row.

        Args:
            actions: Array, or nest of arrays, of `action_space`.

        Returns:
            Observations, rewards (float32), terminated, truncated (bool), and
            an empty dictionary. Each step returns new arrays.
        """
        if self._playing is None:
            raise gymnasium.error.ResetNeeded(
                "Cannot call `step` before `reset`."
            )
        self._playing, *results = self._functions[1](
            self._playing, self._as_tensors(actions)
        )
        return *_to_numpy(results), {}

    @functools.cached_property
    def _functions(self) -> tuple[Any, Any]:
        """Returns `_reset` and `_step`, traced for this number of rows."""
        reset = tf.function(self._reset)  # Resets are rare: do not compile.
        word = tf.TensorSpec((), tf.uint32)
        reset = reset.get_concrete_function((word, word))
        state = tf.nest.map_structure(
            lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype),
            reset.structured_outputs[0],
        )
        space = self.environment.action_space
        actions = space.pack(
            [
                tf.TensorSpec((self.num_envs, *leaf.shape), _tensor_dtype(leaf))
                for leaf in space.leaves
            ]
        )
        step = tf.function(self._step, jit_compile=True)
        return reset, step.get_concrete_function(state, actions)

    def _reset(self, key: prng.Words) -> tuple[Any, ...]:
        return stepping.begin(self.environment, self.num_envs, key)

    def _step(self, state: stepping.Playing, actions: Any) -> tuple[Any, ...]:
        state, *results, _ = stepping.advance(self.environment, state, actions)
        return state, *results

    def _as_tensors(self, actions: Any) -> Any:
        space = self.environment.action_space
        values = space.flatten(actions, "actions")
        leaves = zip(values, space.leaves, space.leaf_paths, strict=True)
        return space.pack(
            [
                self._as_tensor(value, leaf, spaces.at("actions", path))
                for value, leaf, path in leaves
            ]
        )

    def _as_tensor(self, value: Any, leaf: spaces.Leaf, name: str) -> tf.Tensor:
        array = np.asarray(value)
        integers = isinstance(leaf, spaces.Integers)
        shape = (self.num_envs, *leaf.shape)
        kinds = "iu" if integers else "iuf"
        if array.shape != shape or array.dtype.kind not in kinds:
            raise ValueError(
                f"`{name}` must be {'integers' if integers else 'numbers'} "
                f"of shape {shape}. Received: actions of shape {array.shape} "
                f"and dtype {array.dtype}"
            )
        if isinstance(leaf, spaces.Integers) and (
            np.any(array < leaf.first) or np.any(array > leaf.last)
        ):
            raise ValueError(
                f"`{name}` must be in [{leaf.first}, {leaf.last}]. Received: "
                f"actions from {array.min()} to {array.max()}"
            )
        return tf.constant(array, _tensor_dtype(leaf))


def make(
    num_envs: int = 1,
    *,
    env_id: str,
    max_episode_steps: int | None = None,
    render_mode: str | None = None,
    **parameters: Any,
) -> GraphVectorEnv:
    """Entry point for `gymnasium.make_vec`.

    Args:
        num_envs: Number of rows. Defaults to `1`.
        env_id: Id of the in-graph environment.
        max_episode_steps: Steps of an episode. Defaults to `None`, the limit
            of the environment.
        render_mode: Must be `None`. Defaults to `None`.
        **parameters: As `keras_cem.envs.make` takes them.

    Returns:
        A `GraphVectorEnv`.
    """
    if max_episode_steps is not None:
        parameters["max_episode_steps"] = max_episode_steps
    environment = registration.make(env_id, **parameters)
    return GraphVectorEnv(environment, num_envs, render_mode)


def register_all() -> None:
    """Registers all in-graph environments with gymnasium, as `keras_cem/<id>`.

    Importing this module calls it. Call it again after you register your own
    environment. Ids that gymnasium knows already stay unchanged.
    """
    for id, factory in registration.registry.items():
        name = f"{NAMESPACE}/{id}"
        described: Any = factory
        if id in registration.TOY_TEXT:
            described = gymnasium.registry.get(id)
        if name in gymnasium.registry or described is None:
            continue
        gymnasium.register(
            name,
            vector_entry_point=f"{__name__}:make",
            max_episode_steps=getattr(described, "max_episode_steps", None),
            reward_threshold=getattr(described, "reward_threshold", None),
            kwargs={"env_id": id},
        )


def _tensor_dtype(leaf: spaces.Leaf) -> Any:
    return tf.int32 if isinstance(leaf, spaces.Integers) else tf.float32


def _to_numpy(nest: Any) -> Any:
    return tf.nest.map_structure(lambda tensor: tensor.numpy(), nest)


register_all()
