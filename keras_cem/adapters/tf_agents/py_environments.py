"""`PyEnvironment`s with gymnasium's interface, for the slots of host rollouts.

An episode begins with an explicit `reset` and ends with LAST. Rollouts do not
depend on automatic resets, and the step from LAST to FIRST is never data. LAST
with discount 0 is termination; LAST with any other discount is truncation.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tf_agents.environments.batched_py_environment import BatchedPyEnvironment
from tf_agents.environments.py_environment import PyEnvironment
from tf_agents.environments.tf_py_environment import TFPyEnvironment
from tf_agents.trajectories.time_step import StepType

from keras_cem.adapters.tf_agents.specs import Side
from keras_cem.utils import tf_agents_internals

_FIRST, _LAST = int(StepType.FIRST), int(StepType.LAST)

Step = tuple[Any, Any, Any, Any, dict[str, Any]]


class Single:
    """One `PyEnvironment` as a `gymnasium.Env`.

    Args:
        env: A `PyEnvironment`, not batched.
        observations: Spec and space of its observations.
        actions: Spec and space of its actions.
    """

    def __init__(self, env: Any, observations: Side, actions: Side):
        self._env = env
        self._observations = observations
        self._actions = actions
        self._seed = Seeding(env)

    def reset(self, *, seed: int | None = None) -> tuple[Any, dict[str, Any]]:
        if seed is not None:
            self._seed(seed)
        time_step = self._env.reset()
        return self._observations.to_space(time_step.observation), {}

    def step(self, action: Any) -> Step:
        time_step = self._env.step(self._actions.to_spec(action))
        step_type = int(time_step.step_type)
        if step_type == _FIRST:
            _refuse_first(step_type)
        over = step_type == _LAST
        terminated = over and bool(time_step.discount == 0.0)
        return (
            self._observations.to_space(time_step.observation),
            time_step.reward,
            terminated,
            over and not terminated,
            {},
        )

    def close(self) -> None:
        self._env.close()


class Filmed(Single):
    """One `PyEnvironment` of the caller, who closes it.

    Args:
        env: A `PyEnvironment`, not batched.
    """

    metadata: Mapping[str, Any] = {}

    def __init__(self, env: Any):
        actions = Side(env.action_spec(), "action_spec", acts=True)
        super().__init__(
            env,
            Side(env.observation_spec(), "observation_spec", acts=False),
            actions,
        )
        self.action_space = actions.space

    def render(self) -> Any:
        return self._env.render("rgb_array")

    def close(self) -> None:
        pass


def for_film(env: Any) -> Filmed:
    """Returns an environment that `recording.record` films.

    Args:
        env: A `PyEnvironment`, not batched, or a `TFPyEnvironment` of one.

    Raises:
        ValueError: If it is neither.
    """
    one = env.pyenv if isinstance(env, TFPyEnvironment) else env
    if type(one) is BatchedPyEnvironment and one.batch_size == 1:
        one = one.envs[0]
    if not isinstance(one, PyEnvironment) or one.batched:
        raise ValueError(
            "`env` must be a `PyEnvironment` that is not batched, because "
            "neither TensorFlow's nor batched environments of TF-Agents "
            f"render frames. Received: env={env!r}. Pass one environment, or "
            "a callable that makes a gymnasium environment with "
            "render_mode='rgb_array'."
        )
    return Filmed(one)


class Batched:
    """A batched `PyEnvironment` as a `gymnasium.vector.VectorEnv`.

    All rows are reset together, with one seed. After a row's episode is over,
    the row is idle until the next reset, even if its environment plays on.

    Args:
        env: A `PyEnvironment`, batched.
        observations: Spec and space of one row's observations.
        actions: Spec and space of one row's actions.
    """

    def __init__(self, env: Any, observations: Side, actions: Side):
        self._env = env
        self._observations = observations
        self._actions = actions
        self._seed = Seeding(env)
        self.num_envs = env.batch_size
        self._over = np.zeros(self.num_envs, bool)

    def reset(self, *, seed: int | None = None) -> tuple[Any, dict[str, Any]]:
        if seed is not None:
            self._seed(seed)
        self._over[:] = False
        return self._observations.to_space(self._env.reset().observation), {}

    def step(self, actions: Any) -> Step:
        time_step = self._env.step(self._actions.to_spec(actions))
        step_type = np.asarray(time_step.step_type)
        _refuse_first(step_type[~self._over])
        over = step_type == _LAST
        self._over |= over
        terminated = over & (np.asarray(time_step.discount) == 0.0)
        return (
            self._observations.to_space(time_step.observation),
            time_step.reward,
            terminated,
            over & ~terminated,
            {},
        )

    def close(self) -> None:
        self._env.close()


class Parallel:
    """A `ParallelPyEnvironment` as a `gymnasium.vector.VectorEnv`.

    Each process is called separately, so each can start its next episode when
    due, with its own seed.

    Args:
        env: A `ParallelPyEnvironment`.
        observations: Spec and space of one process' observations.
        actions: Spec and space of one process' actions.
        seedable: Whether its environments can be seeded. If not, seeding them
            would end their processes.
    """

    def __init__(
        self, env: Any, observations: Side, actions: Side, seedable: bool
    ):
        self._env = env
        self._observations = observations
        self._actions = actions
        self._seedable = seedable
        self._flat = tf_agents_internals.takes_flat_actions(env)
        self.num_envs = len(env.envs)
        self._over = np.ones(self.num_envs, bool)
        self._latest = [
            np.zeros((self.num_envs, *leaf.shape), leaf.dtype)
            for leaf in observations.space.leaves
        ]

    def reset(
        self,
        *,
        seed: Sequence[int | None],
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        due = list(range(self.num_envs))
        if options is not None:
            due = np.flatnonzero(options["reset_mask"]).tolist()
        if self._seedable:
            self._ask(
                "seed", {i: [seed[i]] for i in due if seed[i] is not None}
            )
        for row, time_step in self._ask("reset", {i: [] for i in due}).items():
            self._take(row, time_step)
        self._over[due] = False
        return self._observations.space.pack(self._latest), {}

    def step(self, actions: Any) -> Step:
        leaves = self._actions.space.flatten(actions)
        rewards = np.zeros(self.num_envs, np.float32)
        ended = np.zeros((2, self.num_envs), bool)
        given: dict[int, list[Any]] = {}
        for row in np.flatnonzero(~self._over).tolist():
            parts = [leaf[row] for leaf in leaves]
            packed = self._actions.to_spec(self._actions.space.pack(parts))
            given[row] = [parts if self._flat else packed]
        for row, time_step in self._ask("step", given).items():
            step_type, rewards[row], discount = self._take(row, time_step)
            _refuse_first(step_type)
            if step_type == _LAST:
                ended[0 if discount == 0.0 else 1, row] = True
        self._over |= ended.any(axis=0)
        return self._observations.space.pack(self._latest), rewards, *ended, {}

    def close(self) -> None:
        self._env.close()

    def _ask(self, name: str, given: dict[int, list[Any]]) -> dict[int, Any]:
        """Calls a method in several processes at the same time."""
        envs = self._env.envs
        promises = {
            row: envs[row].call(name, *args) for row, args in given.items()
        }
        answers, failed = {}, []
        for row, promise in promises.items():
            try:
                answers[row] = promise()
            except Exception as error:
                # Read the other answers too: the next call would take an answer
                # left in a pipe for its own.
                failed.append((row, error))
        if failed:
            row, first = failed[0]
            told = _told(first)
            # `VectorSlots` names this sub-environment in its error.
            told.sub_env = row  # type: ignore[attr-defined]
            raise told from first
        return answers

    def _take(self, row: int, time_step: Any) -> tuple[Any, Any, Any]:
        step_type, reward, discount, *observation = tf.nest.flatten(time_step)
        for array, leaf in zip(self._latest, observation, strict=True):
            array[row] = leaf
        return step_type, reward, discount


class Seeding:
    """Seeds an environment, if it can be seeded.

    Args:
        env: A `PyEnvironment`.
    """

    def __init__(self, env: Any):
        self._env = env
        self._able = True

    def __call__(self, seed: int) -> bool:
        """Seeds the environment; returns whether it can be seeded."""
        if self._able:
            try:
                with warnings.catch_warnings():
                    # gym's `seed` warns of its deprecation at each call.
                    warnings.simplefilter("ignore", DeprecationWarning)
                    self._env.seed(seed)
            except NotImplementedError:
                self._able = False
        return self._able


def _told(error: Exception) -> Exception:
    """Returns the error of an environment's process, without its traceback.

    TF-Agents sends the traceback as the message of an `Exception`; its last
    line is the error.
    """
    lines = str(error).strip().splitlines()
    if type(error) is not Exception or not lines:
        return error
    return RuntimeError(lines[-1])


def _refuse_first(step_type: Any) -> None:
    if np.any(step_type == _FIRST):
        raise RuntimeError(
            "`step` returned FIRST before LAST: the episode ended without a "
            "last step."
        )
