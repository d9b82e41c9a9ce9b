"""What the policy was as it learned."""

import keras
import numpy as np
import pytest

from keras_cem.callbacks import Checkpoint, PolicyLogger
from keras_cem.pictures import policy_snapshots
from tests.helpers import fit_briefly

pytestmark = pytest.mark.slow


class Weights(keras.callbacks.Callback):
    """Keeps the policy after each epoch."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(policy_snapshots.take(self.model.policy))


def fit(epochs, *callbacks, **kwargs):
    return fit_briefly(epochs, callbacks=list(callbacks), **kwargs)


def test_it_is_the_policy_after_evenly_spaced_epochs_and_the_last(tmp_path):
    path, weights = tmp_path / "policies.npz", Weights()
    history = fit(6, weights, PolicyLogger(path, max_stages=3))
    read = policy_snapshots.read(path)
    assert read.iterations.tolist() == [1, 3, 5, 6]
    places = read.iterations - 1
    np.testing.assert_array_equal(
        read.env_steps, np.array(history["env_steps"])[places]
    )
    np.testing.assert_array_equal(read.weights, np.array(weights.seen)[places])


def test_resumed_equals_uninterrupted(tmp_path):
    whole, parts = tmp_path / "whole.npz", tmp_path / "parts.npz"
    fit(5, PolicyLogger(whole, max_stages=2))
    checkpoints = tmp_path / "checkpoints"
    for epochs in (3, 5):
        fit(
            epochs,
            PolicyLogger(parts, max_stages=2),
            Checkpoint(checkpoints),
            resume_from=checkpoints,
        )
    one, other = (policy_snapshots.read(path) for path in (whole, parts))
    for name, array in vars(one).items():
        np.testing.assert_array_equal(getattr(other, name), array)


def test_less_than_two_is_refused():
    with pytest.raises(ValueError, match="max_stages=1"):
        PolicyLogger("policies.npz", max_stages=1)
