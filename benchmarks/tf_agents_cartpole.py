"""keras_cem next to TF-Agents' own driver, on its CartPole environment.

    python -m benchmarks.tf_agents_cartpole

Needs `pip install 'keras-cem[tf-agents]'`. Prints two tables:

- `return`: for each seed, an agent trained on `suite_gym`'s CartPole, 16 of
  it in one batched `PyEnvironment`; the mean return of its greedy policy by
  TF-Agents' `DynamicEpisodeDriver` and `AverageReturnMetric`, on 100 episodes.
- `speed`: environment steps per second from one `TFPyEnvironment` with one
  policy, that of seed 0 after training, exploring: `agent.fit`, its update
  included, and `agent.collect`, against `DynamicEpisodeDriver` in two ways:
  *driver*, its `run` called as its documentation does, and *in graph*, its
  `run` made a `tf.function`. They take turns; ratios are medians of those
  within a turn. Each is called once before, uncounted. The first way, slow
  as it is, plays until one episode has ended.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from absl import app, flags

import keras_cem as cem
from keras_cem.adapters.tf_agents import CEMPolicy

# isort: split
from tf_agents.drivers import dynamic_episode_driver
from tf_agents.environments import (
    batched_py_environment,
    suite_gym,
    tf_py_environment,
)
from tf_agents.metrics import tf_metrics

_SEEDS = flags.DEFINE_integer(
    "seeds", 3, "Agents to train, at least 1.", lower_bound=1
)
_EPOCHS = flags.DEFINE_integer("epochs", 150, "Iterations at most.")
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Turns of the comparison.")
_EPISODES = flags.DEFINE_integer("episodes", 16, "Episodes a turn, each.")


def load(size: int) -> batched_py_environment.BatchedPyEnvironment:
    """Returns CartPole, `size` of it."""
    envs = [suite_gym.load("CartPole-v1") for _ in range(size)]
    return batched_py_environment.BatchedPyEnvironment(
        envs, multithreading=False
    )


def load_tf(size: int) -> tf_py_environment.TFPyEnvironment:
    """Returns the same for TF-Agents' drivers."""
    return tf_py_environment.TFPyEnvironment(load(size))


def make_agent(env: Any, seed: int) -> cem.CEMAgent:
    """Returns an agent of 4-128-2 units."""
    agent = cem.CEMAgent.from_env(
        env,
        hidden_units=(128,),
        elite_quantile=0.7,
        gradient_steps=10,
        seed=seed,
    )
    agent.compile(optimizer=keras.optimizers.Adam(1e-2))
    return agent


def train(seed: int) -> cem.CEMAgent:
    """Trains; prints the driver's mean, steps of training and seconds."""
    begin = time.perf_counter()
    env = load(16)
    agent = make_agent(env, seed)
    agent.fit(
        env,
        batch_size=16,
        epochs=_EPOCHS.value,
        validation_data=env,
        validation_batch_size=32,
        callbacks=[
            cem.callbacks.EpsilonDecay(),
            cem.callbacks.StopOnEpisodeReturn(490),
        ],
        verbose=0,
    )
    seconds = time.perf_counter() - begin
    evaluated = load_tf(1)
    policy = CEMPolicy(
        agent, evaluated.time_step_spec(), evaluated.action_spec()
    )
    metric = tf_metrics.AverageReturnMetric(buffer_size=100)
    driver = dynamic_episode_driver.DynamicEpisodeDriver(
        evaluated, policy, [metric], num_episodes=100
    )
    tf.function(driver.run)()
    print(
        f"| {seed} | {float(metric.result()):.2f} | {int(agent.env_steps):,} "
        f"| {seconds:.1f} |",
        flush=True,
    )
    evaluated.close()
    return agent


def compare(agent: cem.CEMAgent, size: int) -> None:
    """Prints steps per second of each way, and ratios to the driver's."""
    env = load_tf(size)
    # All play the same policy, to the end.
    agent.optimizer.learning_rate.assign(0.0)
    agent.epsilon.assign(0.05)
    policy = CEMPolicy(
        agent,
        env.time_step_spec(),
        env.action_spec(),
        epsilon=agent.epsilon,
    )
    counted = tf_metrics.EnvironmentSteps()
    driver = dynamic_episode_driver.DynamicEpisodeDriver(
        env, policy, [counted], num_episodes=_EPISODES.value
    )
    in_graph = tf.function(driver.run)

    def drive() -> int:
        counted.reset()
        driver.run(num_episodes=1)
        return int(counted.result())

    def drive_in_graph() -> int:
        counted.reset()
        in_graph()
        return int(counted.result())

    def fit() -> int:
        before = int(agent.env_steps)
        agent.fit(env, batch_size=_EPISODES.value, verbose=0)
        return int(agent.env_steps) - before

    def collect() -> int:
        played = agent.collect(
            env, _EPISODES.value, epsilon=float(agent.epsilon)
        )
        return int(played.lengths.sum())

    ways: dict[str, Callable[[], int]] = {
        "driver": drive,
        "in graph": drive_in_graph,
        "fit": fit,
        "collect": collect,
    }
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(_ROUNDS.value + 1):
        for name, way in ways.items():
            begin = time.perf_counter()
            steps = way()
            if turn:
                speeds[name].append(steps / (time.perf_counter() - begin))
    row = [f"{statistics.median(speeds[name]):,.0f}" for name in ways]
    for other in ("driver", "in graph"):
        pairs = zip(speeds["fit"], speeds[other], strict=True)
        row.append(f"{statistics.median(x / y for x, y in pairs):.1f}")
    print(f"| {size} | {' | '.join(row)} |", flush=True)
    env.close()


def main(argv: list[str]) -> None:
    """Prints both tables."""
    del argv
    print("| seed | return | steps | seconds |\n|---|---|---|---|")
    agents = [train(seed) for seed in range(_SEEDS.value)]
    print(
        "\n| environments | driver | in graph | fit | collect "
        "| fit / driver | fit / in graph |\n|---|---|---|---|---|---|---|"
    )
    for size in (1, 16):
        compare(agents[0], size)


if __name__ == "__main__":
    app.run(main)
