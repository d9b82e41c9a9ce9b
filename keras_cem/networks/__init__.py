"""Policy networks with the options of the lecture."""

from keras_cem.networks.cnn import convolution_stack
from keras_cem.networks.default import default_critic, default_policy
from keras_cem.networks.layers import OneHot
from keras_cem.networks.mlp import mlp

__all__ = [
    "OneHot",
    "convolution_stack",
    "default_critic",
    "default_policy",
    "mlp",
]
