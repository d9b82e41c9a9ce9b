r"""Draws an episode with its elite steps marked.

Trains on Pendulum-v1 for some iterations, plays K explored episodes as the next
iteration would, and draws one of them: the angle of the pole over time, the
elite steps of the quantile over all K episodes, and what whole episodes would
imitate instead.

    pip install 'keras-cem[plot]'
    python -m benchmarks.elite_steps --output=docs/elite_steps.png
"""

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags

import keras_cem as cem
from keras_cem.algorithm import critic
from keras_cem.pictures.plots.style import (
    BLUE,
    GREY,
    ORANGE,
    new_figure,
    plain,
    save,
)

_OUTPUT = flags.DEFINE_string("output", "elite_steps.png", "PNG file to write.")
_EPOCHS = flags.DEFINE_integer("epochs", 35, "Iterations before it.")

ENV, EPISODES, QUANTILE = "Pendulum-v1", 16, 0.7


def main(argv: list[str]) -> None:
    """Trains, plays and draws."""
    del argv
    agent = cem.CEMAgent.from_env(
        ENV,
        hidden_units=(64, 64),
        activation="tanh",
        elite_unit="step",
        elite_quantile=QUANTILE,
        discount=0.95,
        imitate="drawn",
        normalize_observations=True,
        epsilon=0.5,
        seed=0,
    )
    agent.compile(keras.optimizers.Adam(1e-3))
    agent.fit(ENV, batch_size=EPISODES, epochs=_EPOCHS.value, verbose=0)
    played = agent.collect(ENV, EPISODES, epsilon=0.5)
    estimated = critic.estimate(
        agent, tf.nest.map_structure(tf.constant, played)
    )
    advantages = estimated.advantages.numpy().T
    threshold = np.quantile(advantages[played.mask], QUANTILE)
    elite = (advantages > threshold) & played.mask
    returns = played.returns
    # An episode that whole episodes would not imitate.
    below = np.flatnonzero(returns < np.quantile(returns, 0.5))
    shown = below[np.argmax(returns[below])]
    steps = np.arange(played.lengths[shown])
    cosine, sine, _ = played.observations[shown].T
    angle = np.degrees(np.arctan2(sine, cosine))[steps]
    figure = new_figure(9, 4)
    above, under = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    above.scatter(steps, angle, s=9, color=GREY, label="not imitated")
    marked = elite[shown][steps]
    above.scatter(
        steps[marked], angle[marked], s=18, color=ORANGE, label="elite step"
    )
    above.set_ylabel("angle in degrees\n(0 is upright)")
    share = marked.mean()
    above.set_title(
        f"Return {returns[shown]:.0f}: as a whole not elite, "
        f"but {share:.0%} of its steps are",
        loc="left",
        fontsize=10,
    )
    above.legend(loc="best", framealpha=0.85, edgecolor="none")
    under.plot(steps, advantages[shown][steps], color=BLUE)
    under.axhline(threshold, color=ORANGE, linestyle="--", label="gamma_q")
    under.set_ylabel("advantage")
    under.set_xlabel("step")
    under.legend(loc="best", framealpha=0.85, edgecolor="none")
    for axes in (above, under):
        plain(axes)
    save(figure, _OUTPUT.value)


if __name__ == "__main__":
    app.run(main)
