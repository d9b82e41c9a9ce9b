"""The agent: a Keras model that `fit` trains on environments."""

from keras_cem.agent.cem_agent import CEMAgent

__all__ = ["CEMAgent"]
