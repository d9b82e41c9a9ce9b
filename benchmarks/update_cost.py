r"""Time of one policy improvement against the share of elites.

The same trajectories, K and T fixed, at several elite quantiles. The update
works on the pairs of elite trajectories only, so its cost should follow their
number.

    python -m benchmarks.update_cost
"""

import time

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags

from keras_cem import CEMAgent, Trajectories

_BATCH_SIZE = flags.DEFINE_integer("batch_size", 256, "K.")
_STEPS = flags.DEFINE_integer("steps", 500, "T, all of them real.")
_ROUNDS = flags.DEFINE_integer("rounds", 30, "Measurements of each.")
_QUANTILES = flags.DEFINE_list("quantiles", ["0.5", "0.7", "0.9"], "q.")

ENV = "CartPole-v1"


def make_trajectories(batch_size: int, steps: int) -> Trajectories:
    """Returns random trajectories whose returns all differ."""
    numbers = np.random.default_rng(0)
    shape = (batch_size, steps)
    return tf.nest.map_structure(
        tf.convert_to_tensor,
        Trajectories(
            observations=numbers.normal(size=(*shape, 4)).astype(np.float32),
            actions=numbers.integers(2, size=shape),
            rewards=numbers.normal(size=shape).astype(np.float32),
            mask=np.ones(shape, bool),
            terminated=np.ones(batch_size, bool),
        ),
    )


def main(argv: list[str]) -> None:
    """Measures in turn, prints medians and ratios."""
    del argv
    trajectories = make_trajectories(_BATCH_SIZE.value, _STEPS.value)
    quantiles = [float(quantile) for quantile in _QUANTILES.value]
    updates = []
    for quantile in quantiles:
        agent = CEMAgent.from_env(
            ENV, hidden_units=(128,), elite_quantile=quantile, seed=0
        )
        agent.compile(keras.optimizers.Adam(1e-3))
        agent.optimizer.build(agent.trainable_variables)
        update = tf.function(agent.train_step, reduce_retracing=True)
        update(trajectories)
        updates.append(update)
    seconds = np.zeros((_ROUNDS.value, len(updates)))
    for row in seconds:
        for column, update in enumerate(updates):
            start = time.perf_counter()
            float(update(trajectories)["loss"])
            row[column] = time.perf_counter() - start
    median = np.median(seconds, axis=0)
    print(f"K={_BATCH_SIZE.value}, T={_STEPS.value}, 4-128-2 network")
    for quantile, value, ratios in zip(
        quantiles, median, (seconds / seconds[:, :1]).T, strict=True
    ):
        print(
            f"q={quantile:.2f}  {1e3 * value:8.2f} ms  "
            f"{np.median(ratios):.2f} of q={quantiles[0]:.2f}"
        )


if __name__ == "__main__":
    app.run(main)
