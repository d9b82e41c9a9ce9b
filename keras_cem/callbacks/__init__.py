"""Keras callbacks for agents."""

from keras_cem.callbacks.epsilon_decay import EpsilonDecay
from keras_cem.callbacks.stop_on_episode_return import StopOnEpisodeReturn

__all__ = ["EpsilonDecay", "StopOnEpisodeReturn"]
