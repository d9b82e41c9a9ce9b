import numpy as np
import pytest
import tensorflow as tf

from keras_cem.heads import categorical
from keras_cem.heads.categorical import cross_entropy

LOGITS = np.array([[1.0, -2.0, 0.5], [0.0, 0.0, 0.0]], np.float32)
CHOICES = np.array([2, 0])


def closed_form(beta):
    shares = np.exp(LOGITS.astype(float))
    shares /= shares.sum(axis=-1, keepdims=True)
    entropy = -(shares * np.log(shares)).sum(axis=-1)
    chosen = np.take_along_axis(shares, CHOICES[:, None], -1)[:, 0]
    return -np.log(chosen) - beta * entropy


@pytest.mark.parametrize("beta", [0.0, 0.1, 2.0])
def test_loss_is_cross_entropy_less_beta_entropy(beta):
    losses = cross_entropy(LOGITS, CHOICES, beta)
    np.testing.assert_allclose(losses, closed_form(beta), rtol=1e-5)


def test_bonus_draws_towards_the_uniform_policy():
    """By the bonus alone, the gradient vanishes where all are as likely."""
    logits = tf.constant(LOGITS)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        plain = cross_entropy(logits, CHOICES, 0.0)
        both = cross_entropy(logits, CHOICES, 1.0)
    bonus = tape.gradient(both, logits) - tape.gradient(plain, logits)
    np.testing.assert_allclose(bonus[1], np.zeros(3), atol=1e-6)
    # Descent lowers the likeliest and raises the least likely.
    assert bonus[0, 0] > 0 > bonus[0, 1]


def test_certain_logits_are_finite():
    losses = cross_entropy(np.array([[1e4, -1e4]], np.float32), [0], 0.5)
    np.testing.assert_allclose(losses, [0.0], atol=1e-6)


def test_leading_axes_are_kept():
    logits = np.stack([LOGITS, LOGITS])
    losses = cross_entropy(logits, np.stack([CHOICES, CHOICES]), 0.1)
    np.testing.assert_allclose(losses, [closed_form(0.1)] * 2, rtol=1e-5)


@pytest.fixture(params=[False, True], ids=["cpu", "gpu"])
def gpu(request, monkeypatch):
    monkeypatch.setattr(categorical, "has_gpu", lambda: request.param)
    return request.param


@pytest.mark.parametrize("count", [1, 2, 5, 16, 17])
@pytest.mark.parametrize("jit_compile", [False, True], ids=["traced", "xla"])
def test_softmax_is_softmax(gpu, count, jit_compile):
    logits = np.random.default_rng(0).normal(0, 3, (4, 2, count))
    # Far from 0, and none of them there at all.
    logits[0] += 500.0
    logits[1, :, 1:] = -np.inf
    compiled = tf.function(categorical.softmax, jit_compile=jit_compile)
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    np.testing.assert_allclose(
        compiled(tf.constant(logits, tf.float32)),
        powers / powers.sum(axis=-1, keepdims=True),
        rtol=1e-4,
        atol=1e-7,
    )


def test_a_few_are_written_out_on_a_gpu(gpu):
    def names(count):
        function = tf.function(categorical.softmax).get_concrete_function(
            tf.TensorSpec((3, count))
        )
        return {operation.type for operation in function.graph.get_operations()}

    assert ("Softmax" in names(2)) == (not gpu)
    assert "Softmax" in names(17)
