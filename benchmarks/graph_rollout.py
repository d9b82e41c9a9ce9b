r"""Environment steps per second of rollouts inside the compiled step.

Side by side, in turn, in one process; CartPole, 500 steps, a 4-128-2 policy
that balances the pole; trajectories stored:

- rollout: `GraphSource.play`, acting without exploration: all steps are real;
- rollout (matmul), on a GPU: the same, whose dense layers are matrix products;
- gymnax: the same policy with gymnax and JAX, `lax.scan` over 500 steps;
- envpool, gymnasium: EnvPool and gymnasium's vectorised CartPole in NumPy,
  which run no policy and store nothing;
- explored: `GraphSource.play` with epsilon 0.5, so that returns differ;
- fit: whole iterations of that, elites and gradient steps included, through
  `CEMAgent.fit`, ten an execution.

Before that, what an iteration of `fit` takes at least: two episodes of a single
step, so that nearly all of it is Keras and TensorFlow around the compiled step.

What concerns `fit` is printed in seconds of processors as well, which other
load disturbs less.

Nothing here is bound to CPUs: on a host with a GPU, TensorFlow and JAX take it,
and share its memory.

    pip install 'keras-cem[bench]'
    python -m benchmarks.graph_rollout --batch_sizes=1024,16384
    python -m benchmarks.graph_rollout --peers=gymnax \
        --batch_sizes=1024,16384,262144
"""

import os
import time
from collections.abc import Callable
from typing import Any

import gymnasium
import keras
import numpy as np
import tensorflow as tf
from absl import app, flags

from benchmarks.agents import ENV, make_agent
from keras_cem import envs, prng
from keras_cem.engines.graph.source import GraphSource
from keras_cem.utils import devices

_BATCH_SIZES = flags.DEFINE_list("batch_sizes", ["1024", "16384"], "K.")
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Measurements of each.")
_PEERS = flags.DEFINE_list(
    "peers", ["gymnax", "envpool", "gymnasium"], "Whom to compare with."
)
_QUANTILE = flags.DEFINE_float("elite_quantile", 0.9, "q, of fit.")
_GRADIENT_STEPS = flags.DEFINE_integer("gradient_steps", 1, "Of fit.")

STEPS, EXECUTION, EPSILON = 500, 10, 0.5


def rollout(
    size: int, epsilon: float = 0.0, fuse: bool | None = None
) -> Callable[[], int]:
    """Bare rollouts."""
    agent = make_agent(balancing=True)
    source = GraphSource(envs.make(ENV), size, STEPS, fuse)

    @tf.function(jit_compile=True)
    def play(iteration: tf.Tensor) -> Any:
        played = source.play(
            agent.policy,
            agent.head,
            numbers=(0, prng.TRAINING_RESETS, iteration),
            epsilon=tf.constant(epsilon),
        )
        stored = (played.states, played.actions, played.returns)
        return stored, played.lengths

    count = iter(range(10**9))

    def work() -> int:
        _, lengths = play(tf.constant(next(count), tf.int64))
        return int(lengths.numpy().sum())

    work()
    return work


def multiplied(size: int) -> Callable[[], int]:
    """Bare rollouts with matrix products."""
    return rollout(size, fuse=False)


def explored(size: int) -> Callable[[], int]:
    """Bare rollouts whose returns differ."""
    return rollout(size, EPSILON)


def fit(size: int) -> Callable[[], int]:
    """Whole iterations, ten an execution, of an agent that stays as it is."""
    agent = make_agent(
        balancing=True,
        elite_quantile=_QUANTILE.value,
        gradient_steps=_GRADIENT_STEPS.value,
        epsilon=EPSILON,
    )
    # All of the update is computed, and moves nothing.
    agent.compile(keras.optimizers.Adam(0.0), steps_per_execution=EXECUTION)

    def work() -> int:
        before = int(agent.env_steps)
        history = agent.fit(
            ENV, batch_size=size, steps_per_epoch=EXECUTION, verbose=0
        ).history
        work.elites = history["num_elites"][0] / size
        return int(agent.env_steps) - before

    work()
    return work


def clocks() -> np.ndarray:
    """Seconds of the wall clock and of processors."""
    return np.array([time.perf_counter(), time.process_time()])


def seconds_around_the_step() -> np.ndarray:
    """Least time of an iteration of `fit`, by both clocks."""
    agent = make_agent(balancing=True)
    agent.compile(keras.optimizers.Adam(0.0), steps_per_execution=EXECUTION)
    epochs = 20

    def work() -> None:
        agent.fit(
            ENV,
            batch_size=2,
            steps_per_epoch=EXECUTION,
            epochs=epochs,
            max_episode_steps=1,
            verbose=0,
        )

    work()
    seconds = []
    for _ in range(_ROUNDS.value):
        start = clocks()
        work()
        seconds.append(clocks() - start)
    return np.median(seconds, axis=0) / (epochs * EXECUTION)


def gymnax_rollout(size: int) -> Callable[[], int]:
    """The same with gymnax."""
    import gymnax
    import jax

    env, parameters = gymnax.make(ENV)
    weights = [np.asarray(w) for w in make_agent(True).policy.get_weights()]

    def policy(observation: Any) -> Any:
        hidden, hidden_bias, out, out_bias = weights
        return jax.nn.relu(observation @ hidden + hidden_bias) @ out + out_bias

    def play(key: Any) -> Any:
        key, reset_key = jax.random.split(key)
        observation, state = env.reset(reset_key, parameters)

        def step(carry: Any, key: Any) -> Any:
            observation, state = carry
            act_key, step_key = jax.random.split(key)
            action = jax.random.categorical(act_key, policy(observation))
            following, state, reward, *over, _ = env.step(
                step_key, state, action, parameters
            )
            return (following, state), (observation, action, reward, *over)

        keys = jax.random.split(key, STEPS)
        return jax.lax.scan(step, (observation, state), keys)[1]

    play_all = jax.jit(jax.vmap(play))
    count = iter(range(10**9))

    def work() -> int:
        keys = jax.random.split(jax.random.key(next(count)), size)
        stored = play_all(keys)
        jax.block_until_ready(stored)
        return size * STEPS

    work()
    return work


def envpool_steps(size: int) -> Callable[[], int]:
    """EnvPool's CartPole, without a policy."""
    import envpool

    env = envpool.make(ENV, env_type="gymnasium", num_envs=size, seed=0)
    env.reset()
    actions = np.zeros(size, np.int32)

    def work() -> int:
        for _ in range(20):
            env.step(actions)
        return 20 * size

    work()
    return work


def gymnasium_steps(size: int) -> Callable[[], int]:
    """Gymnasium's own vectorised CartPole, without a policy."""
    env = gymnasium.make_vec(
        ENV, num_envs=size, vectorization_mode="vector_entry_point"
    )
    env.reset(seed=0)
    actions = np.zeros(size, np.int64)

    def work() -> int:
        for _ in range(20):
            env.step(actions)
        return 20 * size

    return work


PEERS = {
    "gymnax": gymnax_rollout,
    "envpool": envpool_steps,
    "gymnasium": gymnasium_steps,
}


def main(argv: list[str]) -> None:
    """Measures in turn, prints medians and ratios."""
    del argv
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    print(f"TensorFlow on {gpus or ['CPU']}")
    if "gymnax" in _PEERS.value:
        import jax

        print(f"JAX on {jax.devices()}")
    least, of_processors = 1e3 * seconds_around_the_step()
    print(
        f"an iteration of fit takes at least {least:.2f} ms, "
        f"{of_processors:.2f} of processors"
    )
    names = {"rollout": rollout}
    if devices.has_gpu():
        names["rollout (matmul)"] = multiplied
    names |= {name: PEERS[name] for name in _PEERS.value}
    names |= {"explored": explored, "fit": fit}
    for size in map(int, _BATCH_SIZES.value):
        workers = {name: make(size) for name, make in names.items()}
        measured: dict[str, list[np.ndarray]] = {name: [] for name in names}
        for _ in range(_ROUNDS.value):
            for name, work in workers.items():
                start = clocks()
                steps = work()
                measured[name].append(steps / (clocks() - start))
        rates = {name: np.array(rows) for name, rows in measured.items()}
        print(f"K={size}")
        for name, values in rates.items():
            wall = values[:, 0]
            ratio = np.median(rates["rollout"][:, 0] / wall)
            print(
                f"  {name:16} {np.median(wall) / 1e6:8.2f} M env steps/s, "
                f"rollout is {ratio:5.2f} times as fast",
                flush=True,
            )
        shares = rates["fit"] / rates["explored"]
        share, of_processors = np.median(shares, axis=0)
        print(
            f"  fit reaches {share:.2f} of explored, {of_processors:.2f} in "
            "processors, with "
            f"{_GRADIENT_STEPS.value} gradient steps and "
            f"{workers['fit'].elites:.2f} of the episodes elite",
            flush=True,
        )


if __name__ == "__main__":
    app.run(main)
