import numpy as np
import pytest
import tensorflow as tf

from keras_cem.heads import probabilities


@pytest.fixture(params=[False, True], ids=["cpu", "gpu"])
def gpu(request, monkeypatch):
    monkeypatch.setattr(probabilities, "has_gpu", lambda: request.param)
    return request.param


@pytest.mark.parametrize("count", [1, 2, 5, 16, 17])
@pytest.mark.parametrize("jit_compile", [False, True], ids=["traced", "xla"])
def test_softmax_is_softmax(gpu, count, jit_compile):
    logits = np.random.default_rng(0).normal(0, 3, (4, 2, count))
    # Far from 0, and none of them there at all.
    logits[0] += 500.0
    logits[1, :, 1:] = -np.inf
    compiled = tf.function(probabilities.softmax, jit_compile=jit_compile)
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    np.testing.assert_allclose(
        compiled(tf.constant(logits, tf.float32)),
        powers / powers.sum(axis=-1, keepdims=True),
        rtol=1e-4,
        atol=1e-7,
    )


def test_a_few_are_written_out_on_a_gpu(gpu):
    def names(count):
        function = tf.function(probabilities.softmax).get_concrete_function(
            tf.TensorSpec((3, count))
        )
        return {operation.type for operation in function.graph.get_operations()}

    assert ("Softmax" in names(2)) == (not gpu)
    assert "Softmax" in names(17)
