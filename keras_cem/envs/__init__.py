"""Batched environments written in TensorFlow.

`make("CartPole-v1")` makes one by gymnasium's id. Importing this package does
not import gymnasium; making a toy-text environment does.
"""

from keras_cem.envs.acrobot import Acrobot
from keras_cem.envs.base import Environment
from keras_cem.envs.cartpole import CartPole
from keras_cem.envs.checking import check
from keras_cem.envs.mountain_car import MountainCar
from keras_cem.envs.mountain_car_continuous import MountainCarContinuous
from keras_cem.envs.pendulum import Pendulum
from keras_cem.envs.registration import make, register, registry
from keras_cem.envs.tabular import Tabular

__all__ = [
    "Acrobot",
    "CartPole",
    "Environment",
    "MountainCar",
    "MountainCarContinuous",
    "Pendulum",
    "Tabular",
    "check",
    "make",
    "register",
    "registry",
]
