"""Trains CartPole-v1 from a script, saves the agent and acts with it.

python examples/cartpole.py --output=cartpole.keras
"""

import gymnasium
import keras
from absl import app, flags

import keras_cem as cem

_OUTPUT = flags.DEFINE_string("output", "cartpole.keras", "Where to save.")
_EPOCHS = flags.DEFINE_integer("epochs", 100, "Maximum number of iterations.")
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", 16, "K, episodes per iteration."
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of all random numbers.")


def main(argv: list[str]) -> None:
    """Trains, evaluates, saves, loads and plays one episode."""
    del argv
    agent = cem.CEMAgent.from_env(
        "CartPole-v1",
        hidden_units=(128,),
        elite_quantile=0.7,
        gradient_steps=10,
        seed=_SEED.value,
    )
    agent.compile(optimizer=keras.optimizers.Adam(1e-2))
    agent.fit(
        "CartPole-v1",
        batch_size=_BATCH_SIZE.value,
        epochs=_EPOCHS.value,
        validation_data="CartPole-v1",
        validation_batch_size=50,
        callbacks=[
            cem.callbacks.EpsilonDecay(),
            cem.callbacks.StopOnEpisodeReturn(475),
        ],
        verbose=2,
    )
    results = agent.evaluate(
        "CartPole-v1", batch_size=100, return_dict=True, verbose=0
    )
    print(f"Greedy return over 100 episodes: {results['episode_return']:.1f}")

    agent.save(_OUTPUT.value)
    agent = keras.saving.load_model(_OUTPUT.value)
    env = gymnasium.make("CartPole-v1")
    observation, _ = env.reset(seed=1)
    total, over = 0.0, False
    while not over:
        action = agent.act(observation)
        observation, reward, terminated, truncated, _ = env.step(action)
        total += reward
        over = terminated or truncated
    print(f"One episode with the loaded agent: {total:.0f}")


if __name__ == "__main__":
    app.run(main)
