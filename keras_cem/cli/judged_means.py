"""Validates and keeps running means of weights, while these train on."""

from collections.abc import Sequence

import keras


def with_means_judged(
    judging: Sequence[keras.callbacks.Callback],
) -> list[keras.callbacks.Callback]:
    """Lets a policy be the running mean of its weights while it is judged.

    That is in validations, and where callbacks look at these at the end of an
    epoch. The means are those of an optimizer with `use_ema`. Weights that are
    trained at a high rate, or on few episodes, are carried about by chance;
    their mean is not: Polyak and Juditsky (1992), Acceleration of stochastic
    approximation by averaging.

    Args:
        judging: What plays more episodes, keeps weights or stops training.

    Returns:
        These, and what changes the weights before and after them.
    """
    means = keras.callbacks.SwapEMAWeights()
    # Not its `swap_on_epoch`: with that the means are in place until the next
    # epoch begins, in checkpoints as well; and where training stops early, it
    # ends with the weights instead of the means (keras 3.15).
    return [
        means,
        keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: means.on_test_begin()
        ),
        *judging,
        keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: means.on_test_end()
        ),
    ]
