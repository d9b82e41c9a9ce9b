"""Acts with an exported policy, with only TensorFlow and gymnasium.

`act` takes batches of observations, nested as in the observation space, and
returns greedy actions. A SavedModel is a program: load only trusted ones.

    keras-cem export --run=runs/cartpole --output=policy
    python examples/serve_saved_model.py --policy=policy --env=CartPole-v1
"""

from typing import Any

import gymnasium
import numpy as np
import tensorflow as tf
from absl import app, flags

_POLICY = flags.DEFINE_string("policy", "policy", "Folder of a SavedModel.")
_ENV = flags.DEFINE_string("env", "CartPole-v1", "Id of its environment.")
_EPISODES = flags.DEFINE_integer(
    "episodes", 10, "Number of episodes.", lower_bound=1
)
_SEED = flags.DEFINE_integer(
    "seed", 0, "Seed of the start states.", lower_bound=0
)


def act(policy: Any, observation: Any) -> Any:
    """Returns the greedy action for one observation, in the form of the env."""
    batch = tf.nest.map_structure(
        lambda array: tf.constant(np.asarray(array)[None]), observation
    )
    return tf.nest.map_structure(
        lambda actions: actions.numpy()[0], policy.act(batch)
    )


def main(argv: list[str]) -> None:
    """Plays episodes and prints their return."""
    del argv
    policy = tf.saved_model.load(_POLICY.value)
    env = gymnasium.make(_ENV.value)
    returns = []
    for episode in range(_EPISODES.value):
        observation, _ = env.reset(seed=_SEED.value + episode)
        done, episode_return = False, 0.0
        while not done:
            observation, reward, terminated, truncated, _ = env.step(
                act(policy, observation)
            )
            done = terminated or truncated
            episode_return += float(reward)
        returns.append(episode_return)
    env.close()
    print(
        f"Greedy return over {len(returns)} episodes: {np.mean(returns):.2f} "
        f"+- {np.std(returns):.2f}"
    )


if __name__ == "__main__":
    app.run(main)
