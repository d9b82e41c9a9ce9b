r"""Rollouts in the graph with several numbers of slots.

K trajectories are played in M slots: a slot whose trajectory has ended starts
the next one. Prints, for each M, in turn in one process: the share of slots
that play a real step, and real steps per second of the clock and of
processors. Returns and lengths must be equal for all M.

    python -m benchmarks.slots
    python -m benchmarks.slots --env=FrozenLake-v1 --batch_size=2000 \
        --epsilon=1.0 --num_envs=2000,500,250
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from absl import app, flags

from benchmarks.agents import ENV, make_agent
from keras_cem import CEMAgent, envs, prng
from keras_cem.engines.graph.source import GraphSource

_ENV = flags.DEFINE_string("env", ENV, "An in-graph environment.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 1024, "K.")
_NUM_ENVS = flags.DEFINE_list("num_envs", ["1024", "512", "256", "128"], "M.")
_EPSILON = flags.DEFINE_float("epsilon", 0.5, "Exploration.")
_ROUNDS = flags.DEFINE_integer("rounds", 7, "Measurements of each.")


def rollout(agent: CEMAgent, num_envs: int) -> Callable[[int], Any]:
    """Returns a compiled rollout, a function of the iteration."""
    env = envs.make(_ENV.value)
    limit = env.max_episode_steps or 200
    source = GraphSource(env, _BATCH_SIZE.value, limit, num_envs=num_envs)

    @tf.function(jit_compile=True, autograph=False)
    def play(iteration: tf.Tensor) -> Any:
        played = source.play(
            agent.policy,
            agent.head,
            numbers=(0, prng.TRAINING_RESETS, iteration),
            epsilon=tf.constant(_EPSILON.value),
        )
        stored = (played.states, played.actions)
        places = played.places
        if places is None:
            places = tf.zeros((_BATCH_SIZE.value, 2), tf.int32)
        return stored, played.returns, played.lengths, places

    return lambda iteration: play(tf.constant(iteration, tf.int64))


def main(argv: list[str]) -> None:
    """Measures in turn and prints medians."""
    del argv
    if _ENV.value == ENV:
        agent = make_agent(balancing=True)
    else:
        agent = CEMAgent.from_env(_ENV.value, hidden_units=(128,), seed=0)
    numbers = [int(number) for number in _NUM_ENVS.value]
    plays = {number: rollout(agent, number) for number in numbers}
    busy, expected = {}, None
    for number, play in plays.items():
        _, returns, lengths, places = (
            part if isinstance(part, tuple) else part.numpy()
            for part in play(0)
        )
        end = (places[:, 0] + lengths).max()
        busy[number] = lengths.sum() / (end * number)
        result = np.stack([returns, lengths])
        expected = result if expected is None else expected
        if not np.array_equal(result, expected):
            raise RuntimeError(f"{number} slots play other trajectories.")
    rates: dict[int, list[np.ndarray]] = {number: [] for number in numbers}
    for iteration in range(1, 1 + _ROUNDS.value):
        for number, play in plays.items():
            start = np.array([time.perf_counter(), time.process_time()])
            steps = play(iteration)[2].numpy().sum()
            end = np.array([time.perf_counter(), time.process_time()])
            rates[number].append(steps / (end - start) / 1e6)
    print(f"{_ENV.value}, K = {_BATCH_SIZE.value}: million real steps/s")
    print(f"{'M':>8} {'busy':>6} {'wall':>8} {'processors':>12} {'ratio':>6}")
    first = np.array(rates[numbers[0]])[:, 1]
    for number in numbers:
        measured = np.array(rates[number])
        wall, processors = np.median(measured, axis=0)
        ratio = np.median(measured[:, 1] / first)
        print(
            f"{number:>8} {busy[number]:>6.2f} {wall:>8.2f} "
            f"{processors:>12.2f} {ratio:>6.2f}",
            flush=True,
        )


if __name__ == "__main__":
    app.run(main)
