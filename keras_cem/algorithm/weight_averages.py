"""Running means of weights, as Keras' optimizers keep them with `use_ema`."""

from typing import Any

from keras_cem.utils import keras_internals


def pairs(optimizer: Any) -> list[tuple[Any, Any]]:
    """Returns each weight with its running mean.

    Args:
        optimizer: Of Keras, built. One without `use_ema` has none.
    """
    optimizer = keras_internals.inner_optimizer(optimizer)
    if not optimizer.use_ema:
        return []
    return keras_internals.weight_averages(optimizer)


def begin(optimizer: Any) -> None:
    """Lets the means be the weights, as long as no step was taken.

    Keras lets them be zeros. A training without a step, where no trajectory was
    elite, would end with these for weights.

    Args:
        optimizer: Of Keras, built.
    """
    if int(optimizer.iterations) == 0:
        for weight, mean in pairs(optimizer):
            mean.assign(weight)
