"""The agent: a Keras model that `fit` plays and trains."""

from keras_cem.agent.cem_agent import CEMAgent

__all__ = ["CEMAgent"]
