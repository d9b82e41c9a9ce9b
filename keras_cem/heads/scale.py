"""The scale of continuous actions, for each leaf of a nested space."""

import numbers
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from keras_cem import spaces

# The scale of a Box; for a nested space, a nest with None for other leaves.
ActionScale: TypeAlias = (
    npt.ArrayLike | Mapping[str, "ActionScale"] | Sequence["ActionScale"] | None
)


def leaf_scales(space: spaces.Space, action_scale: ActionScale) -> list[Any]:
    """Returns the scale of each leaf of an action space, None if not given.

    Args:
        space: Space of the actions.
        action_scale: For a `Dict` or `Tuple`, one number for all its `Box`
            leaves, or a nest with the structure of the space and None for a
            leaf without a scale. For another space, the scale itself or None.

    Raises:
        ValueError: If a nest does not have the structure of the space.
    """
    if isinstance(space, spaces.Leaf) or not (
        action_scale is None or isinstance(action_scale, numbers.Real)
    ):
        return space.flatten(action_scale, "action_scale")
    return [
        action_scale if isinstance(leaf, spaces.Box) else None
        for leaf in space.leaves
    ]


def plain_scale(action_scale: ActionScale) -> Any:
    """Returns a scale, or a nest of them, as JSON values."""
    if isinstance(action_scale, dict):
        return {key: plain_scale(part) for key, part in action_scale.items()}
    if isinstance(action_scale, (list, tuple)):
        return [plain_scale(part) for part in action_scale]
    return None if action_scale is None else np.asarray(action_scale).tolist()
