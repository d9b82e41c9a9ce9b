"""Converts gymnasium's spaces to descriptions."""

from typing import TypeVar

from keras_cem.spaces.base import Space, at, deserialize, supported
from keras_cem.spaces.leaves import Box, Discrete, MultiBinary, MultiDiscrete
from keras_cem.spaces.nested import Dict, Tuple

_Kind = TypeVar("_Kind", bound=Space)


def get(space: object, argument: str = "space") -> Space:
    """Returns the description of a space.

    Args:
        space: A gymnasium space, a description, or the dictionary that
            `serialize` made.
        argument: The caller's name of the argument, for the error message.

    Returns:
        A `Space`.

    Raises:
        ValueError: If this kind of space has no description. In a nested
            space, the message gives the path to the part.
        TypeError: If `space` is not a space.
    """
    if isinstance(space, Space):
        return space
    if isinstance(space, dict):
        return deserialize(space)
    import gymnasium

    if isinstance(space, gymnasium.spaces.Discrete):
        return Discrete(space.n, space.start, space.dtype or "int64")
    if isinstance(space, gymnasium.spaces.Box):
        return Box(space.low, space.high, space.shape, space.dtype)
    if isinstance(space, gymnasium.spaces.MultiDiscrete):
        return MultiDiscrete(space.nvec, space.start, space.dtype)
    if isinstance(space, gymnasium.spaces.MultiBinary):
        return MultiBinary(space.shape)
    if isinstance(space, gymnasium.spaces.Dict):
        return Dict(
            {key: get(space[key], at(argument, (key,))) for key in space}
        )
    if isinstance(space, gymnasium.spaces.Tuple):
        return Tuple(
            get(part, at(argument, (index,)))
            for index, part in enumerate(space.spaces)
        )
    if isinstance(space, gymnasium.spaces.Space):
        raise ValueError(
            f"`{argument}` must be one of {supported()}. "
            f"Received: {argument}={space!r}"
        )
    raise TypeError(
        f"`{argument}` must be a `gymnasium.spaces.Space`. "
        f"Received: {argument}={space!r} of type {type(space).__name__}"
    )


def get_as(kind: type[_Kind], space: object, argument: str) -> _Kind:
    """Returns the description of a space; refuses any other kind of space.

    Args:
        kind: Class of the description.
        space: A space, as `get` takes it.
        argument: The caller's name of the argument, for the error message.

    Raises:
        ValueError: If the space is of another kind.
    """
    described = get(space, argument)
    if isinstance(described, kind):
        return described
    raise ValueError(
        f"`{argument}` must be {kind.kind}. Received: {argument}={described}"
    )
