"""Moving averages of weights, kept by Keras' optimizers with `use_ema`."""

import keras

from keras_cem.utils import keras_internals


def pairs(
    optimizer: keras.optimizers.Optimizer,
) -> list[tuple[keras.Variable, keras.Variable]]:
    """Returns each weight with its moving average.

    Args:
        optimizer: A built Keras optimizer. Without `use_ema` there are none.
    """
    optimizer = keras_internals.inner_optimizer(optimizer)
    if not optimizer.use_ema:
        return []
    return keras_internals.weight_averages(optimizer)


def begin(optimizer: keras.optimizers.Optimizer) -> None:
    """Initializes the averages to the weights before the first step.

    Keras initializes them to zeros. If no trajectory were ever elite, training
    would take no step and would end with zeros as weights.

    Args:
        optimizer: A built Keras optimizer.
    """
    if int(optimizer.iterations) == 0:
        for weight, mean in pairs(optimizer):
            mean.assign(weight)
