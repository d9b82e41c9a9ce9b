"""The head of an action space."""

from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from keras_cem import spaces
from keras_cem.heads.base import Head
from keras_cem.heads.box import IMITATED, BoxHead
from keras_cem.heads.choices import ChoicesHead
from keras_cem.heads.composite import CompositeHead
from keras_cem.heads.multi_binary import MultiBinaryHead
from keras_cem.heads.multi_discrete import MultiDiscreteHead
from keras_cem.heads.noise import NOISES
from keras_cem.heads.scale import ActionScale, leaf_scales
from keras_cem.heads.softmax import SoftmaxHead
from keras_cem.utils import checks

# Options of each kind of head, with their default values.
_OF_BOX = {
    "action_scale": None,
    "noise": "gaussian",
    "correlation": None,
    "imitate": "played",
}
_OF_DISCRETE = {"persistence": 1, "entropy_coefficient": 0.0}

_HEADS: dict[type[spaces.Leaf], Callable[..., ChoicesHead]] = {
    spaces.Discrete: SoftmaxHead,
    spaces.MultiDiscrete: MultiDiscreteHead,
    spaces.MultiBinary: MultiBinaryHead,
}


def for_space(
    space: object,
    *,
    action_scale: ActionScale = None,
    noise: str = "gaussian",
    correlation: float | None = None,
    imitate: str = "played",
    persistence: int = 1,
    entropy_coefficient: float = 0.0,
) -> Head:
    """Returns the head for an action space.

    Args:
        space: A gymnasium space or a `keras_cem.spaces.Space`.
        action_scale: Scale of a `BoxHead`; for a nested space, see
            `leaf_scales`.
        noise: Noise of a `BoxHead`.
        correlation: Correlation of a `BoxHead`'s noise.
        imitate: Which actions a `BoxHead` imitates, played or drawn.
        persistence: Persistence of heads other than `BoxHead`.
        entropy_coefficient: Entropy coefficient of heads other than `BoxHead`.

    Returns:
        The head of the space; for a `Dict` or `Tuple`, a `CompositeHead` with
        one head per leaf.

    Raises:
        ValueError: If there is no head for this kind of space, an option is
            out of range, or an option has no effect on this space. In a nested
            space, the message gives the path to the leaf.
    """
    checks.one_of(NOISES, noise=noise)
    checks.one_of(IMITATED, imitate=imitate)
    described = spaces.get(space, "action_space")
    of_box = {
        "action_scale": action_scale,
        "noise": noise,
        "correlation": correlation,
        "imitate": imitate,
    }
    of_discrete = {
        "persistence": persistence,
        "entropy_coefficient": entropy_coefficient,
    }
    leaves = described.leaves
    if not any(isinstance(leaf, spaces.Box) for leaf in leaves):
        _refuse(of_box, _OF_BOX, "are not a Box", described)
    if all(isinstance(leaf, spaces.Box) for leaf in leaves):
        _refuse(of_discrete, _OF_DISCRETE, "are a Box", described)

    def head_of(leaf: spaces.Leaf, scale: npt.ArrayLike | None) -> Head:
        if isinstance(leaf, spaces.Box):
            return BoxHead(
                leaf,
                scale=scale,
                noise=noise,
                correlation=correlation,
                imitate=imitate,
            )
        return _HEADS[type(leaf)](leaf, **of_discrete)

    scales = leaf_scales(described, action_scale)
    if isinstance(described, spaces.Leaf):
        (scale,) = scales
        return head_of(described, scale)
    parts: list[Head] = []
    for leaf, path, scale in zip(
        leaves, described.leaf_paths, scales, strict=True
    ):
        try:
            parts.append(head_of(leaf, scale))
        except ValueError as error:
            where = spaces.at("action_space", path)
            raise ValueError(f"`{where}`: {error}") from None
    return CompositeHead(described, described.pack(parts))


def _refuse(
    options: dict[str, Any],
    unused: dict[str, Any],
    where: str,
    space: spaces.Space,
) -> None:
    """Refuses options that would have no effect."""
    for name, value in options.items():
        default = unused[name]
        # `==` of an array would not return one bool.
        if value is default or (default is not None and value == default):
            continue
        raise ValueError(
            f"`{name}` must be {default!r} if the actions {where}. Received: "
            f"{name}={value!r}, action_space={space}"
        )
