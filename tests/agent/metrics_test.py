import numpy as np
import pytest
import tensorflow as tf

from keras_cem.agent import metrics

KEYS = [
    "loss",
    "episode_return",
    "episode_return_max",
    "episode_length",
    "elite_threshold",
    "num_elites",
    "epsilon",
    "env_steps",
    "env_restarts",
    "num_nonfinite",
]


def test_latest_is_exact_for_large_integers():
    latest = metrics.Latest("env_steps")
    for value in (2**24 + 1, 2**53 - 1):
        latest.update_state(tf.constant(value, tf.int64))
        assert int(latest.result()) == value


def test_latest_forgets_what_was_before():
    latest = metrics.Latest("epsilon")
    for value in (5.0, 0.5, 2.0):
        latest.update_state(value)
    assert float(latest.result()) == 2.0


@pytest.mark.parametrize("values", [[1, 3, 2], [-200, -110, -500], [-1e30]])
def test_maximum_is_the_largest(values):
    maximum = metrics.Maximum("episode_return_max")
    for value in values:
        maximum.update_state(value)
    assert float(maximum.result()) == np.float32(max(values))


def test_maximum_starts_anew_after_a_reset():
    """Keras resets metrics before each epoch; returns may be negative."""
    maximum = metrics.Maximum("episode_return_max")
    for value in (7.0, -200.0, -0.5):
        maximum.reset_state()
        maximum.update_state(value)
        assert float(maximum.result()) == value


def test_maximum_is_updated_in_a_compiled_function():
    maximum = metrics.Maximum("episode_return_max")
    update = tf.function(maximum.update_state, jit_compile=True)
    for value in (-3.0, -2.0, -5.0):
        update(tf.constant(value))
    assert float(maximum.result()) == -2.0


def test_train_metrics_are_named_as_the_keys_of_history():
    everything = metrics.TrainMetrics()
    assert [metric.name for metric in everything.all()] == KEYS


def test_train_metrics_of_an_epoch_of_two_iterations():
    everything = metrics.TrainMetrics()
    for metric in everything.all():
        metric.reset_state()
        for value in (-4.0, -8.0):
            metric.update_state(value)
    got = {metric.name: float(metric.result()) for metric in everything.all()}
    last, largest = -8.0, -4.0
    assert got == dict.fromkeys(KEYS, -6.0) | {
        "episode_return_max": largest,
        "epsilon": last,
        "env_steps": last,
        "env_restarts": last,
        "num_nonfinite": -12.0,
    }


def test_metrics_are_reset_and_read_together():
    everything = metrics.TrainMetrics()
    for value in (-4.0, -8.0):
        everything.reset()
        for metric in everything.all():
            metric.update_state(value)
        got = everything.results()
        assert list(got) == KEYS
        assert {float(result) for result in got.values()} == {value}


def test_test_metrics_average_over_batches_of_episodes():
    everything = metrics.TestMetrics()
    for returns in ([1.0, 2.0, 3.0], [10.0, 20.0, 30.0]):
        everything.episode_return.update_state(tf.constant(returns))
        everything.episode_length.update_state(tf.constant([2, 3, 4]))
    got = {metric.name: float(metric.result()) for metric in everything.all()}
    assert got == {"episode_return": 11.0, "episode_length": 3.0}
