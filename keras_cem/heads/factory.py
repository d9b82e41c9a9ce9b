"""The head of an action space."""

from typing import Any

from keras_cem import checks, spaces
from keras_cem.heads.base import Head
from keras_cem.heads.box import BoxHead
from keras_cem.heads.noise import NOISES
from keras_cem.heads.softmax import SoftmaxHead

# Options of one kind of head, by what they are when they are not used.
_OF_BOX = {"action_scale": None, "noise": "gaussian", "correlation": None}
_OF_DISCRETE = {"persistence": 1, "entropy_coefficient": 0.0}


def for_space(
    space: Any,
    *,
    action_scale: Any = None,
    noise: str = "gaussian",
    correlation: float | None = None,
    persistence: int = 1,
    entropy_coefficient: float = 0.0,
) -> Head:
    """Returns the head that acts in `space`.

    Args:
        space: A gymnasium space or a `keras_cem.spaces.Space`.
        action_scale: Scale of a `BoxHead`.
        noise: Noise of a `BoxHead`.
        correlation: Correlation of a `BoxHead`'s noise.
        persistence: Of a `SoftmaxHead`.
        entropy_coefficient: Of a `SoftmaxHead`.

    Raises:
        ValueError: If there is no head for this kind of space, or if an option
            is out of range, or is used and means nothing here.
    """
    checks.one_of(NOISES, noise=noise)
    described = spaces.get(space, "action_space")
    of_box = {
        "action_scale": action_scale,
        "noise": noise,
        "correlation": correlation,
    }
    of_discrete = {
        "persistence": persistence,
        "entropy_coefficient": entropy_coefficient,
    }
    if isinstance(described, spaces.Box):
        _refuse(of_discrete, _OF_DISCRETE, "are a Box", described)
        return BoxHead(
            described, scale=action_scale, noise=noise, correlation=correlation
        )
    if isinstance(described, spaces.Discrete):
        _refuse(of_box, _OF_BOX, "are not a Box", described)
        return SoftmaxHead(
            described,
            persistence=persistence,
            entropy_coefficient=entropy_coefficient,
        )
    raise ValueError(
        "`action_space` must be Discrete or Box. "
        f"Received: action_space={described}"
    )


def _refuse(
    options: dict[str, Any],
    unused: dict[str, Any],
    where: str,
    space: spaces.Space,
) -> None:
    """Refuses options that are used, rather than ignore them."""
    for name, value in options.items():
        default = unused[name]
        # An array is not compared.
        if value is default or (default is not None and value == default):
            continue
        raise ValueError(
            f"`{name}` must be {default!r} where actions {where}. "
            f"Received: {name}={value!r}, action_space={space}"
        )
