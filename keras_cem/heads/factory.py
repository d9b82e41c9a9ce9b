"""The head of an action space."""

from typing import Any

from keras_cem import checks, spaces
from keras_cem.heads.base import Head
from keras_cem.heads.box import NOISES, BoxHead
from keras_cem.heads.softmax import SoftmaxHead


def for_space(
    space: Any, *, action_scale: Any = None, noise: str = "gaussian"
) -> Head:
    """Returns the head that acts in `space`.

    Args:
        space: A gymnasium space or a `keras_cem.spaces.Space`.
        action_scale: Scale of a `Box` head; refused for others.
        noise: Noise of a `Box` head; others have none.

    Raises:
        ValueError: If there is no head for this kind of space, if
            `action_scale` is given and means nothing here, or if there is no
            such noise.
    """
    checks.one_of(NOISES, noise=noise)
    described = spaces.get(space, "action_space")
    if isinstance(described, spaces.Box):
        return BoxHead(described, scale=action_scale, noise=noise)
    if action_scale is not None:
        raise ValueError(
            "`action_scale` must be None where actions are not a Box. "
            f"Received: action_scale={action_scale!r}, "
            f"action_space={described}"
        )
    if isinstance(described, spaces.Discrete):
        return SoftmaxHead(described)
    raise ValueError(
        "`action_space` must be Discrete or Box. "
        f"Received: action_space={described}"
    )
