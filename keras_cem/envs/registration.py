"""Makes in-graph environments by gymnasium's ids."""

import functools
from collections.abc import Callable
from typing import Any

from keras_cem.envs.acrobot import Acrobot
from keras_cem.envs.base import Environment
from keras_cem.envs.cartpole import CartPole
from keras_cem.envs.mountain_car import MountainCar
from keras_cem.envs.mountain_car_continuous import MountainCarContinuous
from keras_cem.envs.pendulum import Pendulum
from keras_cem.envs.tabular import Tabular

# Taxi-v3 (gymnasium before 1.3) and Taxi-v4 (from 1.3 on) have the same table.
# Each version of gymnasium has only one of them.
TOY_TEXT = (
    "CliffWalking-v1",
    "CliffWalkingSlippery-v1",
    "FrozenLake-v1",
    "FrozenLake8x8-v1",
    "Taxi-v3",
    "Taxi-v4",
)


registry: dict[str, Callable[..., Environment[Any]]] = {
    cls.id: cls
    for cls in (Acrobot, CartPole, MountainCar, MountainCarContinuous, Pendulum)
}
for _id in TOY_TEXT:
    registry[_id] = functools.partial(Tabular.from_gymnasium, _id)


def make(id: str, /, **parameters: Any) -> Environment[Any]:
    """Makes an in-graph environment.

    Args:
        id: Gymnasium's id, or one given to `register`.
        **parameters: Parameters to change, such as `max_episode_steps` or
            `force_mag`; see the environment's class.

    Returns:
        An `Environment`.

    Raises:
        ValueError: If there is no in-graph environment with this id, or it has
            no such parameter.

    Example:

    >>> make("CartPole-v1", force_mag=5.0).parameters.force_mag
    5.0
    """
    if id not in registry:
        raise ValueError(
            f"`id` must be one of: {', '.join(sorted(registry))}. Received: "
            f"id={id!r}. Register your own environment with "
            "`keras_cem.envs.register`."
        )
    return registry[id](**parameters)


def register(id: str, factory: Callable[..., Environment[Any]]) -> None:
    """Registers an environment for `make` and `fit`.

    Args:
        id: Id of the environment.
        factory: Class or function that takes the parameters as keyword
            arguments and returns an `Environment`.

    Raises:
        ValueError: If another environment has this id.
    """
    if registry.get(id, factory) is not factory:
        raise ValueError(
            f"`id` must not be registered already. Received: id={id!r}, "
            f"which makes {registry[id]}"
        )
    registry[id] = factory
