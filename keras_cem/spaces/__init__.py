"""Serialisable descriptions of observation and action spaces.

An agent has to say what it observes and how it acts after it was saved and
loaded, also where gymnasium is not imported. So it keeps a description of each
space, in gymnasium's words, that goes to JSON and back.
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
