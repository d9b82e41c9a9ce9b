import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cem.algorithm import gradient_steps
from keras_cem.utils import nonfinite


def _model(learning_rate=1.0):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(learning_rate, momentum=0.5))
    model.optimizer.build(model.trainable_variables)
    return model


def _with_gradient(model, loss_of):
    def function():
        with tf.GradientTape() as tape:
            loss = loss_of()
        values = [variable.value for variable in model.trainable_variables]
        return loss, tape.gradient(loss, values, unconnected_gradients="zero")

    return function


# Several steps


@pytest.mark.parametrize("num_steps", [1, 2, 7])
@pytest.mark.parametrize("jit_compile", [None, False, True])
def test_descend_takes_steps_0_1_2_and_averages(num_steps, jit_compile):
    taken = tf.Variable(tf.zeros(10, tf.int32))

    def descend():
        def step(number):
            count = tf.reduce_sum(taken) + 1
            taken.assign(
                tf.tensor_scatter_nd_update(taken, [[number]], [count])
            )
            return tf.cast(number, tf.float32) ** 2, tf.constant(0)

        return gradient_steps.descend(step, num_steps, [])

    if jit_compile is not None:
        descend = tf.function(descend, jit_compile=jit_compile)
    expected = np.mean(np.arange(num_steps) ** 2)
    loss, bad = descend()
    assert float(loss) == pytest.approx(expected)
    assert int(bad) == 0
    # Each step found the sum of the entries before it: 1, 2, 4, 8, ...
    assert taken.numpy()[:num_steps].tolist() == [
        2**number for number in range(num_steps)
    ]


@pytest.mark.parametrize("jit_compile", [None, False, True])
@pytest.mark.parametrize("bad", [0, 1, 2])
def test_all_steps_are_taken_back_if_one_is_not_finite(bad, jit_compile):
    origin = nonfinite.Fault.GRADIENT
    weights = keras.Variable([3.0, 4.0])
    taken = keras.Variable(0, dtype="int32", trainable=False)

    def step(number):
        weights.assign_add([1.0, 1.0])
        taken.assign_add(1)
        return 1.0, tf.where(tf.equal(number, bad), origin, 0)

    def descend():
        return gradient_steps.descend(step, 3, [weights])

    if jit_compile is not None:
        descend = tf.function(descend, jit_compile=jit_compile)
    assert int(descend()[1]) == origin
    assert weights.numpy().tolist() == [3.0, 4.0]
    # Those after it are not tried.
    assert taken.numpy() == bad + 1


@pytest.mark.parametrize("jit_compile", [None, False, True])
@pytest.mark.parametrize("num_steps", [1, 3])
def test_weights_that_become_infinite_are_taken_back(num_steps, jit_compile):
    # A gradient of 3e38 is finite, and so is the loss.
    model = _model(learning_rate=1e3)
    kernel, _ = model.trainable_variables
    variables = [*model.variables, *model.optimizer.variables]
    before = [variable.numpy() for variable in variables]

    def descend():
        return gradient_steps.descend(
            lambda number: gradient_steps.gradient_step(
                model.optimizer,
                _with_gradient(
                    model,
                    lambda: tf.reduce_sum(kernel.value - before[0]) * 3e38,
                ),
                model.trainable_variables,
                [],
            ),
            num_steps,
            variables,
        )

    if jit_compile is not None:
        descend = tf.function(descend, jit_compile=jit_compile)
    loss, bad = descend()
    assert float(loss) == 0.0
    assert int(bad) == nonfinite.Fault.WEIGHTS
    for value, variable in zip(before, variables, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


@pytest.mark.parametrize("jit_compile", [None, False, True])
def test_state_that_becomes_infinite_is_taken_back(jit_compile):
    # As the moving statistics of batch normalisation, or of an optimizer.
    statistics = keras.Variable([1.0, 3e38, np.inf], trainable=False)
    harm = tf.Variable(0.0)

    def step(number):
        statistics.assign_add([0.0, harm, 1.0])
        return tf.constant(1.0), tf.constant(0)

    def descend():
        return gradient_steps.descend(step, 1, [statistics])

    if jit_compile is not None:
        descend = tf.function(descend, jit_compile=jit_compile)
    # What was infinite before may be so.
    assert int(descend()[1]) == 0
    harm.assign(3e38)
    assert int(descend()[1]) == nonfinite.Fault.WEIGHTS
    np.testing.assert_array_equal(
        statistics.numpy(), np.array([1.0, 3e38, np.inf], np.float32)
    )


def test_penalties_are_all_losses_of_a_model():
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(
                2, kernel_regularizer=keras.regularizers.L2(0.5)
            ),
            keras.layers.Dense(
                2, activity_regularizer=keras.regularizers.L1(2)
            ),
        ]
    )
    assert float(gradient_steps.penalties(keras.Sequential())) == 0.0
    x = np.ones((1, 2), np.float32)
    outputs = model(x)
    kernel = model.layers[0].kernel.numpy()
    # Keras takes the mean over the batch of what outputs cost.
    expected = 0.5 * np.sum(kernel**2) + 2 * np.sum(np.abs(outputs))
    assert float(gradient_steps.penalties(model)) == pytest.approx(expected)


# One step


@pytest.mark.parametrize("jit_compile", [None, False, True])
def test_gradient_step_descends(jit_compile):
    model = _model(learning_rate=0.5)
    kernel, bias = model.trainable_variables
    before = kernel.numpy()

    def step():
        return gradient_steps.gradient_step(
            model.optimizer,
            _with_gradient(
                model,
                lambda: tf.reduce_sum(kernel.value) * 3.0 + bias[0] * 2.0,
            ),
            model.trainable_variables,
            [],
        )

    if jit_compile is not None:
        step = tf.function(step, jit_compile=jit_compile)
    loss, bad = step()
    assert float(loss) == pytest.approx(3 * before.sum(), rel=1e-6)
    assert int(bad) == 0
    np.testing.assert_allclose(kernel.numpy(), before - 0.5 * 3, rtol=1e-6)
    np.testing.assert_allclose(bias.numpy(), [-0.5 * 2], rtol=1e-6)
    assert int(model.optimizer.iterations) == 1


@pytest.mark.parametrize("jit_compile", [None, False, True])
@pytest.mark.parametrize(
    ("factor", "infinite"),
    [(np.nan, "loss"), (np.inf, "loss"), (1.0, "gradient")],
)
def test_step_that_is_not_finite_is_withheld(jit_compile, factor, infinite):
    model = _model()
    kernel, _ = model.trainable_variables
    counter = keras.Variable(5, dtype="int32", trainable=False)
    before = [v.numpy() for v in (*model.variables, *model.optimizer.variables)]

    def loss_of():
        counter.assign_add(1)
        if infinite == "loss":
            return tf.reduce_sum(kernel.value) * factor
        # sqrt has the value 0 and an infinite slope at 0.
        return tf.reduce_sum(tf.sqrt(kernel.value - tf.identity(before[0])))

    def step():
        return gradient_steps.gradient_step(
            model.optimizer,
            _with_gradient(model, loss_of),
            model.trainable_variables,
            [counter],
        )

    if jit_compile is not None:
        step = tf.function(step, jit_compile=jit_compile)
    origin = {
        "loss": nonfinite.Fault.LOSS,
        "gradient": nonfinite.Fault.GRADIENT,
    }
    assert int(step()[1]) == origin[infinite]
    for value, variable in zip(
        before, (*model.variables, *model.optimizer.variables), strict=True
    ):
        np.testing.assert_array_equal(variable.numpy(), value)
    assert counter.numpy() == 5
