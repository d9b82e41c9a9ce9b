"""Swings up Pendulum-v1: continuous actions, MSE loss, best policy kept.

With epsilon = 1/n the noise is gone before anything is learned here, so
epsilon falls slowly, to a floor. Training on would fall back in the end:
`ModelCheckpoint` keeps the agent that was best in greedy evaluation.

    python examples/pendulum.py --output=pendulum.keras
"""

import keras
from absl import app, flags

import keras_cem as cem

_OUTPUT = flags.DEFINE_string("output", "pendulum.keras", "Where to save.")
_EPOCHS = flags.DEFINE_integer("epochs", 80, "Iterations.")
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", 500, "K, episodes per iteration."
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of all random numbers.")


def main(argv: list[str]) -> None:
    """Trains, and evaluates the best agent."""
    del argv
    agent = cem.CEMAgent.from_env(
        "Pendulum-v1",
        hidden_units=(64, 64),
        elite_quantile=0.9,
        gradient_steps=20,
        seed=_SEED.value,
    )
    agent.compile(optimizer=keras.optimizers.Adam(5e-3))
    agent.fit(
        "Pendulum-v1",
        batch_size=_BATCH_SIZE.value,
        epochs=_EPOCHS.value,
        validation_data="Pendulum-v1",
        validation_batch_size=100,
        callbacks=[
            cem.callbacks.EpsilonDecay(
                keras.optimizers.schedules.PolynomialDecay(
                    1.0, decay_steps=_EPOCHS.value, end_learning_rate=0.1
                )
            ),
            keras.callbacks.ModelCheckpoint(
                _OUTPUT.value,
                monitor="val_episode_return",
                mode="max",
                save_best_only=True,
            ),
        ],
        verbose=2,
    )
    best = keras.saving.load_model(_OUTPUT.value)
    results = best.evaluate(
        "Pendulum-v1", batch_size=100, return_dict=True, verbose=0
    )
    print(f"Greedy return over 100 episodes: {results['episode_return']:.1f}")


if __name__ == "__main__":
    app.run(main)
