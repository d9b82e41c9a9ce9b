import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cem import networks
from keras_cem.algorithm.transposed_kernels import Kernels


class Own(keras.layers.Layer):
    """A stranger's layer that keeps a `tf.function`."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(2)

    def build(self, input_shape):
        self.dense.build(input_shape)

    @tf.function
    def call(self, inputs):
        return self.dense(inputs)


def _model(*last):
    policy = networks.mlp(
        (3,),
        2,
        hidden_units=(8, 5),
        batch_normalization=True,
        dropout=0.25,
        l1=0.01,
        l2=0.1,
        seed=0,
    )
    layer = keras.layers.ActivityRegularization(l2=0.5)
    model = keras.Sequential([policy, layer, *last])
    model.compile(keras.optimizers.SGD())
    return model


def _taken(model, transposed, jit_compile):
    """Loss, gradients and what the call left in the other variables."""
    inputs = np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)

    def take():
        kernels = Kernels(model, transposed)

        def body(number, sums):
            found = kernels.gradients(
                inputs,
                lambda outputs, own: tf.reduce_sum(outputs**2) + 2.0 * own,
            )
            return number + 1, [a + b for a, b in zip(sums, found, strict=True)]

        like = [tf.constant(0.0), *kernels.held]
        _, (loss, *sums) = tf.while_loop(
            lambda number, sums: number < 2,
            body,
            (0, [tf.zeros_like(each) for each in like]),
        )
        return loss, kernels.restore(sums)

    if jit_compile is not None:
        take = tf.function(take, jit_compile=jit_compile)
    loss, gradients = take()
    others = [each.numpy() for each in model.non_trainable_variables]
    return float(loss), [each.numpy() for each in gradients], others


@pytest.mark.slow
@pytest.mark.parametrize("jit_compile", [None, False, True])
def test_transposed_kernels_have_the_same_gradients(jit_compile):
    loss, gradients, others = _taken(_model(), False, jit_compile)
    model = _model()
    before = [each.numpy() for each in model.non_trainable_variables]
    found, found_gradients, found_others = _taken(model, True, jit_compile)
    assert found == pytest.approx(loss, rel=1e-5)
    assert len(gradients) == len(model.trainable_variables)
    for one, other, variable in zip(
        gradients, found_gradients, model.trainable_variables, strict=True
    ):
        assert one.shape == variable.shape
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-5)
    # Statistics, and the masks of dropout, go on as without.
    for one, other, value in zip(others, found_others, before, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-5)
        assert not np.array_equal(other, value)


def test_regularisation_is_part_of_the_gradient():
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(
                2,
                kernel_initializer="ones",
                kernel_regularizer=keras.regularizers.L2(0.5),
            ),
        ]
    )
    model.compile(keras.optimizers.SGD())
    kernels = Kernels(model, True)
    loss, *sums = kernels.gradients(
        tf.ones((4, 3)), lambda outputs, own: tf.reduce_sum(outputs) + own
    )
    by_kernel, by_bias = kernels.restore(sums)
    # 4 rows of 2 outputs, each a sum of three ones; and half of six squares.
    assert float(loss) == 4 * 2 * 3 + 0.5 * 6
    np.testing.assert_array_equal(by_kernel, np.full((3, 2), 4 + 2 * 0.5))
    np.testing.assert_array_equal(by_bias, [4, 4])


def test_kernels_that_are_tall_are_held_transposed():
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(8),
            keras.layers.Dense(8),
            keras.layers.Dense(2),
            keras.layers.Reshape((2, 1)),
            keras.layers.Conv1D(1, 2),
        ]
    )
    shapes = [(3, 8), (8,), (8, 8), (8,), (2, 8), (2,), (2, 1, 1), (1,)]
    assert [each.shape for each in Kernels(model, True).held] == shapes
    plain = [each.shape for each in model.trainable_variables]
    assert [each.shape for each in Kernels(model, False).held] == plain


def test_layers_of_strangers_are_called_with_their_own_weights():
    model = _model(Own())
    model.build((None, 3))
    held = [each.shape for each in Kernels(model, True).held]
    assert held == [each.shape for each in model.trainable_variables]
