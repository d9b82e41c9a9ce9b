r"""Environment steps per second of rollouts inside the compiled step.

Side by side, in turn, in one process; CartPole with a 4-128-2 policy that
balances the pole, so that all 500 steps are real; trajectories stored:

- rollout: `GraphSource.play`;
- fit: iterations of `CEMAgent.fit`, ten an execution. All returns are equal
  here, so nothing is elite and nothing is learned: what Keras adds, no more;
- gymnax: the same policy with gymnax and JAX, `lax.scan` over 500 steps;
- gymnasium: its own vectorised CartPole in NumPy, which runs no policy.

gymnax holds gymnasium below 1.4, so it takes an environment of its own:

    pip install 'keras-cem[bench]'
    python -m benchmarks.graph_rollout --batch_sizes=1024,16384
"""

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
from keras_cem.rollouts.graph import GraphSource

_BATCH_SIZES = flags.DEFINE_list("batch_sizes", ["1024", "16384"], "K.")
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Measurements of each.")
_GYMNAX = flags.DEFINE_bool("gymnax", True, "Compare with gymnax.")

STEPS, EXECUTION = 500, 10


def rollout(size: int) -> Callable[[], int]:
    """Bare rollouts."""
    agent = make_agent(balancing=True)
    source = GraphSource(envs.make(ENV), size, STEPS)

    @tf.function(jit_compile=True)
    def play(iteration: tf.Tensor) -> Any:
        played = source.play(
            agent.policy,
            agent.head,
            numbers=(0, prng.TRAINING_RESETS, iteration),
            epsilon=tf.constant(0.0),
            store_rewards=True,
        )
        stored = (played.states, played.actions, played.rewards)
        return stored, played.lengths

    count = iter(range(10**9))

    def work() -> int:
        _, lengths = play(tf.constant(next(count), tf.int64))
        return int(lengths.numpy().sum())

    work()
    return work


def fit(size: int) -> Callable[[], int]:
    """Iterations without elites, ten an execution."""
    agent = make_agent(balancing=True)
    agent.compile(keras.optimizers.Adam(0.0), steps_per_execution=EXECUTION)
    agent.epsilon.assign(0.0)

    def work() -> int:
        before = int(agent.env_steps)
        agent.fit(ENV, batch_size=size, steps_per_epoch=EXECUTION, verbose=0)
        return int(agent.env_steps) - before

    work()
    return work


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


def main(argv: list[str]) -> None:
    """Measures in turn, prints medians and ratios."""
    del argv
    names = {"rollout": rollout, "fit": fit, "gymnasium": gymnasium_steps}
    if _GYMNAX.value:
        names["gymnax"] = gymnax_rollout
    for size in map(int, _BATCH_SIZES.value):
        workers = {name: make(size) for name, make in names.items()}
        rates: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(_ROUNDS.value):
            for name, work in workers.items():
                start = time.perf_counter()
                steps = work()
                rates[name].append(steps / (time.perf_counter() - start))
        print(f"K={size}")
        for name, values in rates.items():
            ratio = np.median(np.array(rates["rollout"]) / np.array(values))
            print(
                f"  {name:10} {np.median(values) / 1e6:8.2f} M env steps/s, "
                f"rollout is {ratio:5.2f} times as fast",
                flush=True,
            )


if __name__ == "__main__":
    app.run(main)
