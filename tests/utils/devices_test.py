import types

import pytest
import tensorflow as tf

from keras_cem.utils import devices


@pytest.fixture(autouse=True)
def forget():
    devices.gpu_memory.cache_clear()
    yield
    devices.gpu_memory.cache_clear()


def fake(monkeypatch, *told, error=None):
    """Makes TensorFlow tell of devices: of type, and memory limit."""

    class Session(tf.compat.v1.Session):
        def list_devices(self):
            if error is not None:
                raise error
            return [
                types.SimpleNamespace(device_type=kind, memory_limit_bytes=size)
                for kind, size in told
            ]

    gpus = ["GPU:0"] if error or "GPU" in dict(told) else []
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: gpus)
    monkeypatch.setattr(tf.compat.v1, "Session", Session)


def test_memory_is_that_of_the_first_gpu(monkeypatch):
    fake(monkeypatch, ("CPU", 256), ("GPU", 80), ("GPU", 40))
    assert devices.has_gpu()
    assert devices.gpu_memory() == 80


@pytest.mark.parametrize("told", [[("CPU", 256)], [("CPU", 256), ("GPU", 0)]])
def test_memory_is_unknown_without_a_gpu_or_one_that_tells(monkeypatch, told):
    fake(monkeypatch, *told)
    assert devices.gpu_memory() is None


def test_memory_is_unknown_of_a_gpu_that_is_not_opened_twice(monkeypatch):
    error = tf.errors.AlreadyExistsError(None, None, "mapped already")
    fake(monkeypatch, error=error)
    assert devices.gpu_memory() is None


def test_sessions_tell_of_every_device():
    """Of the CPU, too: what is read is what TensorFlow names it."""
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        told = session.list_devices()
    kinds = {device.device_type for device in told}
    logical = {
        device.device_type for device in tf.config.list_logical_devices()
    }
    assert kinds >= logical
    assert all(isinstance(device.memory_limit_bytes, int) for device in told)


@pytest.mark.parametrize("name", ["int8", "uint8", "int64", "float32", "bool"])
def test_variables_are_of_the_dtype_that_they_hold(name):
    assert devices.variable_dtype(name) == tf.as_dtype(name)


def test_variables_hold_int32_where_compiled_functions_reach_it():
    assert devices.variable_dtype(tf.int32) == tf.int64
    assert devices.variable_dtype("int32") == tf.int64
