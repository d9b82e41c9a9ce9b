r"""What the tricks of the engines and of the update gain.

Each trick is measured with and without it, in turn, in one process, in seconds
of processors, which other load disturbs less than the clock:

- transposed_kernels: iterations of `fit` on CartPole in the graph, elites and
  one gradient step included, with a 4-128-2 policy;
- category_lookup: calls of a policy on 1,000 observations of 500 categories,
  with 128 hidden units; iterations of `fit` on Taxi, with the options of the
  preset;
- array_network: episodes of CartPole on the host, in gymnasium's vectorized
  environment, with a 4-128-2 policy of NumPy or of TensorFlow;
- zero_copy: the same with the policy of TensorFlow, and calls of it alone.

`benchmarks.graph_rollout` measures the third trick, fused_dense, which only
GPUs use.

    python -m benchmarks.tricks
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from unittest import mock

import gymnasium
import keras
import numpy as np
import tensorflow as tf
from absl import app, flags

from benchmarks.agents import ENV, make_agent
from keras_cem import CEMAgent, prng, spaces
from keras_cem.adapters.gymnasium import open_source
from keras_cem.algorithm import transposed_kernels
from keras_cem.engines.host import actor, array_actor, zero_copy
from keras_cem.engines.host.observation_buffer import ObservationBuffer
from keras_cem.engines.playing import Options
from keras_cem.networks import category_lookup
from keras_cem.networks.default import default_policy

_BATCH_SIZES = flags.DEFINE_list(
    "batch_sizes", ["1024", "16384"], "K of transposed_kernels."
)
_NUM_ENVS = flags.DEFINE_list(
    "num_envs", ["64", "256"], "Sub-environments of zero_copy."
)
_ROUNDS = flags.DEFINE_integer("rounds", 9, "Measurements of each.")

EPSILON = 0.5


def iterations(size: int, transposed: bool) -> Callable[[], None]:
    """Returns a function that takes four iterations in the graph."""
    agent = make_agent(balancing=True, elite_quantile=0.9, epsilon=EPSILON)
    # All of the update is computed, and moves nothing.
    agent.compile(keras.optimizers.Adam(0.0), steps_per_execution=4)

    def work() -> None:
        agent.fit(ENV, batch_size=size, steps_per_epoch=4, verbose=0)

    if transposed:
        work()
    else:
        with mock.patch.object(
            transposed_kernels, "_is_tall", return_value=False
        ):
            work()
    return work


@contextlib.contextmanager
def lending(allowed: bool) -> Iterator[None]:
    """Context in which arrays are lent to TensorFlow, or copied."""
    if allowed:
        yield
    else:
        with mock.patch.object(actor, "lend", tf.convert_to_tensor):
            yield


@contextlib.contextmanager
def by_numpy(allowed: bool) -> Iterator[None]:
    """Context in which NumPy evaluates new small policies, or TensorFlow."""
    if allowed:
        yield
    else:
        with mock.patch.object(array_actor, "array_network", return_value=None):
            yield


def collections(num_envs: int, lent: bool) -> Callable[[], None]:
    """Returns a function that plays episodes with a policy of TensorFlow."""
    work = episodes(num_envs, False)

    def collect() -> None:
        with lending(lent):
            work()

    return collect


def episodes(num_envs: int, numpy: bool) -> Callable[[], None]:
    """Returns a function that plays four episodes per sub-environment."""
    agent = make_agent(balancing=False)
    vector = gymnasium.make_vec(
        ENV, num_envs=num_envs, vectorization_mode="vector_entry_point"
    )
    source = open_source(vector, Options(4 * num_envs))

    def work() -> None:
        agent._player.play(
            source, 4 * num_envs, prng.COLLECT_RESETS, epsilon=1.0
        )

    with by_numpy(numpy):
        work()
    return work


def calls(num_envs: int, lent: bool) -> Callable[[], None]:
    """Returns a function that calls the acting policy 500 times."""
    agent = make_agent(balancing=False)
    acting = actor.Actor(
        agent.policy,
        agent.head,
        agent.observation_space,
        num_envs=num_envs,
        explore=True,
    )
    buffer = ObservationBuffer(agent.observation_space, num_envs)
    counter = zero_copy.zeros((2, num_envs), np.int32)
    act = acting.bind(EPSILON, 0, prng.EXPLORATION, 0)

    def work() -> None:
        with lending(lent):
            for _ in range(500):
                act(buffer.leaves, counter)

    work()
    return work


@contextlib.contextmanager
def looking_up(used: bool) -> Iterator[None]:
    """Context in which new policies look categories up, or multiply."""
    least = category_lookup.LEAST_VALUES if used else 10**9
    with mock.patch.object(category_lookup, "LEAST_VALUES", least):
        yield


def policy_calls(size: int, used: bool) -> Callable[[], None]:
    """Returns a function that calls a policy of categories 20 times."""
    network = default_policy(spaces.Discrete(500), spaces.Discrete(6))
    observations = tf.random.uniform((size,), maxval=500, dtype=tf.int64)

    @tf.function(jit_compile=True)
    def call(observations: tf.Tensor) -> tf.Tensor:
        return category_lookup.with_lookup(network)(
            observations, training=False
        )

    with looking_up(used):
        call(observations)

    def work() -> None:
        for _ in range(20):
            call(observations).numpy()

    return work


def taxi_iterations(size: int, used: bool) -> Callable[[], None]:
    """Returns a function that takes four iterations on Taxi."""
    # The agent is called when it is built.
    with looking_up(used):
        agent = CEMAgent.from_env(
            "Taxi-v4",
            hidden_units=(),
            episodes_per_start=8,
            gradient_steps=20,
            minibatch_size=8192,
            seed=0,
        )
    agent.compile(
        keras.optimizers.Adam(0.1), steps_per_execution=4, jit_compile=True
    )
    half_way = 8

    def work() -> None:
        with looking_up(used):
            agent.fit("Taxi-v4", batch_size=size, steps_per_epoch=4, verbose=0)

    for _ in range(half_way):
        work()
    return work


def compare(
    name: str, size: str, make: Callable[[int, bool], Callable[[], None]]
) -> None:
    """Measures with and without a trick in turn and prints a row."""
    works = [make(int(size), used) for used in (False, True)]
    seconds = np.zeros((_ROUNDS.value, 2))
    for row in seconds:
        for column, work in enumerate(works):
            start = time.process_time()
            work()
            row[column] = time.process_time() - start
    without, used = 1e3 * np.median(seconds, axis=0)
    ratios = seconds[:, 1] / seconds[:, 0]
    low, ratio, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    print(
        f"{name:<34} {size:>6} {without:>9.1f} {used:>9.1f} {ratio:>6.2f}  "
        f"{low:.2f}-{high:.2f}",
        flush=True,
    )


def main(argv: list[str]) -> None:
    """Measures and prints a table."""
    del argv
    print(
        f"{'trick':<34} {'size':>6} {'without':>9} {'with':>9} {'ratio':>6}  "
        "quartiles   (ms of processors)"
    )
    for size in _BATCH_SIZES.value:
        compare("transposed_kernels, fit", size, iterations)
    compare("category_lookup, calls", "1000", policy_calls)
    compare("category_lookup, fit on Taxi", "4000", taxi_iterations)
    for size in _NUM_ENVS.value:
        compare("array_network, episodes", size, episodes)
        compare("zero_copy, episodes", size, collections)
        compare("zero_copy, calls of the policy", size, calls)


if __name__ == "__main__":
    app.run(main)
