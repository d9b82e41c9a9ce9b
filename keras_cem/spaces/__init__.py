"""Serializable descriptions of observation and action spaces.

A saved agent needs its spaces again after loading, even if gymnasium is not
imported. So the agent keeps a description of each space. It uses gymnasium's
names and converts to JSON and back.
"""

from keras_cem.spaces.base import (
    Leaf,
    Space,
    at,
    deserialize,
    float_leaves,
    serialize,
)
from keras_cem.spaces.conversion import get, get_as
from keras_cem.spaces.leaves import (
    Box,
    Discrete,
    Integers,
    MultiBinary,
    MultiDiscrete,
)
from keras_cem.spaces.nested import Dict, Tuple

__all__ = [
    "Box",
    "Dict",
    "Discrete",
    "Integers",
    "Leaf",
    "MultiBinary",
    "MultiDiscrete",
    "Space",
    "Tuple",
    "at",
    "deserialize",
    "float_leaves",
    "get",
    "get_as",
    "serialize",
]
