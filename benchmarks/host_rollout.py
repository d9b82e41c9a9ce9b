r"""Environment steps per processor second of host rollouts.

Side by side, in turn, in one process:

- bare: a gymnasium `SyncVectorEnv` stepped with constant actions, no policy;
- collect: `HostSource.collect` with a 4-128-2 policy, on the same env objects;
- textbook: one env, a PyTorch forward a step, as the textbooks have it.

Episodes of an untrained policy last about 22 steps, those of a policy that
balances the pole 500. Both are measured; a bare env does not care.

Processor seconds, because other load disturbs them less than the clock. It also
measures `CEMAgent.act` for one observation.

    pip install 'keras-cem[bench]'
    python -m benchmarks.host_rollout --num_envs=64,256
"""

import time
from collections.abc import Callable

import gymnasium
import numpy as np
from absl import app, flags

from benchmarks.agents import BALANCE, ENV, make_agent
from keras_cem import CEMAgent, prng
from keras_cem.adapters.gymnasium import open_source
from keras_cem.engines.playing import Options

_NUM_ENVS = flags.DEFINE_list("num_envs", ["64", "256"], "Sub-environments.")
_ROUNDS = flags.DEFINE_integer("rounds", 7, "Measurements of each.")
_SECONDS = flags.DEFINE_float("seconds", 1.0, "Length of a measurement.")


def rate(work: Callable[[], int], seconds: float) -> float:
    """Returns steps per processor second of `work`.

    Args:
        work: Function that returns how many steps it did.
        seconds: Length of the measurement.
    """
    steps, start = 0, time.process_time()
    while (passed := time.process_time() - start) < seconds:
        steps += work()
    return steps / passed


def bare(vector: gymnasium.vector.VectorEnv) -> Callable[[], int]:
    """Steps the vector env with constant actions."""
    actions = np.zeros(vector.num_envs, np.int64)
    vector.reset(seed=0)

    def work() -> int:
        for _ in range(50):
            vector.step(actions)
        return 50 * vector.num_envs

    return work


def collect(
    agent: CEMAgent, vector: gymnasium.vector.VectorEnv, epsilon: float
) -> Callable[[], int]:
    """Plays four episodes a sub-environment, exploring."""
    size = 4 * vector.num_envs
    source = open_source(vector, Options(size))

    def work() -> int:
        played = agent._player.play(
            source, size, prng.COLLECT_RESETS, epsilon=epsilon
        )
        return int(played.lengths.sum())

    work()
    return work


def textbook(epsilon: float, balancing: bool) -> Callable[[], int]:
    """One env, one forward of a PyTorch network a step."""
    import torch

    network = torch.nn.Sequential(
        torch.nn.Linear(4, 128), torch.nn.ReLU(), torch.nn.Linear(128, 2)
    )
    env = gymnasium.make(ENV)
    softmax = torch.nn.Softmax(dim=1)
    numbers = np.random.default_rng(0)

    def work() -> int:
        observation, _ = env.reset()
        observations, actions, rewards = [], [], []
        over = False
        while not over:
            inputs = torch.as_tensor(observation[None], dtype=torch.float32)
            policy = softmax(network(inputs))[0].detach().numpy()
            policy = (1 - epsilon) * policy + epsilon / 2
            action = numbers.choice(2, p=policy / policy.sum())
            if balancing:
                action = int(observation @ BALANCE > 0)
            observations.append(observation)
            actions.append(action)
            observation, reward, terminated, truncated, _ = env.step(action)
            rewards.append(reward)
            over = terminated or truncated
        return len(rewards)

    return work


def act(agent: CEMAgent, epsilon: float) -> Callable[[], int]:
    """Acts on one observation, a hundred times."""
    observation = np.zeros(4, np.float32)

    def work() -> int:
        for _ in range(100):
            agent.act(observation, epsilon)
        return 100

    work()
    return work


def main(argv: list[str]) -> None:
    """Measures and prints a table."""
    del argv
    print(
        f"{'envs':>5} {'episodes':>9} {'bare':>9} {'collect':>9} "
        f"{'textbook':>9} {'/bare':>6} {'/textbook':>9}   "
        "(env steps per processor second)"
    )
    for num_envs in map(int, _NUM_ENVS.value):
        for name, balancing, epsilon in (
            ("short", False, 1.0),
            ("long", True, 0.0),
        ):
            vector = gymnasium.make_vec(
                ENV, num_envs=num_envs, vectorization_mode="sync"
            )
            agent = make_agent(balancing)
            workers = [
                bare(vector),
                collect(agent, vector, epsilon),
                textbook(epsilon, balancing),
            ]
            rates = []
            for _ in range(_ROUNDS.value):
                vector.reset(seed=0)
                rates.append([rate(work, _SECONDS.value) for work in workers])
            rates = np.array(rates)
            median = np.median(rates, axis=0)
            ratios = np.median(rates[:, 1:2] / rates[:, [0, 2]], axis=0)
            print(
                f"{num_envs:>5} {name:>9} "
                + " ".join(f"{value:>9,.0f}" for value in median)
                + f" {ratios[0]:>6.2f} {ratios[1]:>9.2f}",
                flush=True,
            )
    agent = make_agent(False)
    for epsilon in (0.0, 0.5):
        work = act(agent, epsilon)
        rates = [rate(work, _SECONDS.value / 10) for _ in range(20)]
        print(
            f"`act` with epsilon={epsilon}: {1e6 / np.median(rates):.0f} "
            "microseconds"
        )


if __name__ == "__main__":
    app.run(main)
