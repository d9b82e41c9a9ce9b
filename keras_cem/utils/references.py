"""Gymnasium's registrations of the environments that have in-graph versions."""

from typing import Any, NamedTuple


class Reference(NamedTuple):
    """Gymnasium's own registration of an environment.

    Attributes:
        module: Package of the environment.
        creator: Name of the environment's class.
        kwargs: Arguments of the class.
        max_episode_steps: Largest number of steps of an episode, None if there
            is no limit.
    """

    module: str
    creator: str
    kwargs: dict[str, Any]
    max_episode_steps: int | None


def _reference(
    module: str, creator: str, limit: int | None, **kwargs: Any
) -> Reference:
    return Reference(f"gymnasium.envs.{module}", creator, kwargs, limit)


# The environments that the in-graph ones replace. An id that a user registered
# again is a different environment.
REFERENCES = {
    "Acrobot-v1": _reference("classic_control", "AcrobotEnv", 500),
    "CartPole-v1": _reference("classic_control", "CartPoleEnv", 500),
    "CliffWalking-v1": _reference("toy_text", "CliffWalkingEnv", None),
    "CliffWalkingSlippery-v1": _reference(
        "toy_text", "CliffWalkingEnv", None, is_slippery=True
    ),
    "FrozenLake-v1": _reference(
        "toy_text", "FrozenLakeEnv", 100, map_name="4x4"
    ),
    "FrozenLake8x8-v1": _reference(
        "toy_text", "FrozenLakeEnv", 200, map_name="8x8"
    ),
    "MountainCar-v0": _reference("classic_control", "MountainCarEnv", 200),
    "MountainCarContinuous-v0": _reference(
        "classic_control", "Continuous_MountainCarEnv", 999
    ),
    "Pendulum-v1": _reference("classic_control", "PendulumEnv", 200),
    "Taxi-v3": _reference("toy_text", "TaxiEnv", 200),
    "Taxi-v4": _reference("toy_text", "TaxiEnv", 200),
}


def is_reference(env_id: str, spec: Any) -> bool:
    """Whether an environment is the one that an in-graph version replaces.

    Args:
        env_id: Id of the environment, with its version.
        spec: `gymnasium.envs.registration.EnvSpec` of the environment.
    """
    reference = REFERENCES.get(env_id)
    entry_point = spec.entry_point
    return (
        reference is not None
        and isinstance(entry_point, str)
        and entry_point.startswith(reference.module)
        and entry_point.endswith(f":{reference.creator}")
        and spec.kwargs == reference.kwargs
        and spec.max_episode_steps == reference.max_episode_steps
        and not spec.additional_wrappers
    )
