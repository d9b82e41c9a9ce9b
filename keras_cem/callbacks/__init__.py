"""Keras callbacks for agents."""

from keras_cem.callbacks.checkpoint import Checkpoint
from keras_cem.callbacks.epsilon_decay import EpsilonDecay
from keras_cem.callbacks.on_iteration_end import Iteration, OnIterationEnd
from keras_cem.callbacks.policy_logger import PolicyLogger
from keras_cem.callbacks.progress import Progress
from keras_cem.callbacks.record_video import RecordVideo
from keras_cem.callbacks.returns_logger import ReturnsLogger
from keras_cem.callbacks.stop_on_episode_return import StopOnEpisodeReturn
from keras_cem.callbacks.summaries import Summaries
from keras_cem.saving.interrupts import TrainingInterrupted

__all__ = [
    "Checkpoint",
    "EpsilonDecay",
    "Iteration",
    "OnIterationEnd",
    "PolicyLogger",
    "Progress",
    "RecordVideo",
    "ReturnsLogger",
    "StopOnEpisodeReturn",
    "Summaries",
    "TrainingInterrupted",
]
