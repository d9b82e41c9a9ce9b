import keras
import numpy as np
import pytest

from keras_cem.schedules import HarmonicDecay


def test_harmonic_decay_is_one_over_n():
    """epsilon_n = 1/n in iteration n, which is step n - 1."""
    schedule = HarmonicDecay()
    for n in (1, 2, 3, 10, 1000, 10**6):
        value = schedule(n - 1)
        assert value.dtype == "float32"
        assert float(value) == pytest.approx(1 / n, rel=1e-6)


def test_harmonic_decay_starts_at_its_initial_value():
    schedule = HarmonicDecay(initial_value=0.6)
    got = [float(schedule(step)) for step in range(4)]
    np.testing.assert_allclose(got, [0.6, 0.3, 0.2, 0.15], rtol=1e-6)


def test_step_may_be_a_variable_of_integers():
    step = keras.Variable(3, dtype="int64", trainable=False)
    assert float(HarmonicDecay()(step)) == 0.25
    assert float(HarmonicDecay()(step.value)) == 0.25


def test_harmonic_decay_serializes_as_keras_schedules_do():
    schedule = HarmonicDecay(initial_value=0.5, name="slow")
    config = keras.optimizers.schedules.serialize(schedule)
    again = keras.optimizers.schedules.deserialize(config)
    assert isinstance(again, HarmonicDecay)
    assert again.get_config() == schedule.get_config()
    assert again.get_config() == {"initial_value": 0.5, "name": "slow"}


def test_harmonic_decay_serves_as_a_learning_rate():
    optimizer = keras.optimizers.SGD(HarmonicDecay(initial_value=2.0))
    variable = keras.Variable([0.0])
    for _ in range(3):
        optimizer.apply([keras.ops.ones(1)], [variable])
    # The steps are 2, 2/2 and 2/3.
    np.testing.assert_allclose(variable.numpy(), [-(2 + 1 + 2 / 3)], rtol=1e-6)
