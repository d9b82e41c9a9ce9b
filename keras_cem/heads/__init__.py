"""What a kind of action space needs of the policy's outputs."""

from keras_cem.heads.base import Head
from keras_cem.heads.box import BoxHead
from keras_cem.heads.factory import for_space
from keras_cem.heads.noise import NOISES
from keras_cem.heads.softmax import SoftmaxHead

__all__ = ["NOISES", "BoxHead", "Head", "SoftmaxHead", "for_space"]
