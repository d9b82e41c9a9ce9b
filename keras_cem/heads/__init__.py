"""Heads: exploration, greedy action and loss for each kind of action space."""

from keras_cem.heads.base import Head, deserialize, serialize
from keras_cem.heads.box import IMITATED, BoxHead
from keras_cem.heads.composite import CompositeHead
from keras_cem.heads.factory import for_space
from keras_cem.heads.multi_binary import MultiBinaryHead
from keras_cem.heads.multi_discrete import MultiDiscreteHead
from keras_cem.heads.noise import NOISES
from keras_cem.heads.outputs import check_last_layer, check_outputs
from keras_cem.heads.scale import leaf_scales, plain_scale
from keras_cem.heads.softmax import SoftmaxHead

__all__ = [
    "IMITATED",
    "NOISES",
    "BoxHead",
    "CompositeHead",
    "Head",
    "MultiBinaryHead",
    "MultiDiscreteHead",
    "SoftmaxHead",
    "check_last_layer",
    "check_outputs",
    "deserialize",
    "for_space",
    "leaf_scales",
    "plain_scale",
    "serialize",
]
