"""The scale of continuous actions, for each part of a nested space."""

import numbers
from typing import Any

import numpy as np

from keras_cem import spaces


def leaf_scales(space: spaces.Space, action_scale: Any) -> list[Any]:
    """Returns the scale of each leaf of an action space; None for none.

    Args:
        space: Space of the actions.
        action_scale: For a `Dict` or `Tuple`, one number for each `Box` in it,
            or a nest as the space is, with None where no scale is given. For
            another space, the scale itself, or None.

    Raises:
        ValueError: If a nest is not built as the space is.
    """
    if isinstance(space, spaces.Leaf) or not (
        action_scale is None or isinstance(action_scale, numbers.Real)
    ):
        return space.flatten(action_scale, "action_scale")
    return [
        action_scale if isinstance(leaf, spaces.Box) else None
        for leaf in space.leaves
    ]


def plain_scale(action_scale: Any) -> Any:
    """Returns a scale, or a nest of them, as JSON values."""
    if isinstance(action_scale, dict):
        return {key: plain_scale(part) for key, part in action_scale.items()}
    if isinstance(action_scale, (list, tuple)):
        return [plain_scale(part) for part in action_scale]
    return None if action_scale is None else np.asarray(action_scale).tolist()
