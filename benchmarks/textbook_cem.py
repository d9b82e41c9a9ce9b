r"""The deep cross-entropy method as textbooks write it, in PyTorch.

One environment, a forward of the network a step, 16 episodes an iteration, the
70th percentile, 128 hidden units, Adam 0.01, one gradient step: chapter 4 of
Lapan, Deep Reinforcement Learning Hands-On. It ends with the criterion of
`greedy`, checked after each iteration.

    pip install 'keras-cem[bench]'
    python -m benchmarks.textbook_cem --seed=0
"""

import gymnasium
import numpy as np
import torch
from absl import app, flags

from benchmarks.greedy import ENV, GreedyCheck

_SEED = flags.DEFINE_integer("seed", 0, "Of network, actions and resets.")
_ITERATIONS = flags.DEFINE_integer("iterations", 300, "At most.")

BATCH_SIZE, PERCENTILE = 16, 70


def episode(
    env: gymnasium.Env, network: torch.nn.Module, numbers: np.random.Generator
) -> tuple[float, list[np.ndarray], list[int]]:
    """Plays one episode with actions drawn from the network's softmax."""
    observation, _ = env.reset()
    observations, actions, total, over = [], [], 0.0, False
    softmax = torch.nn.Softmax(dim=1)
    while not over:
        inputs = torch.as_tensor(observation[None], dtype=torch.float32)
        probabilities = softmax(network(inputs))[0].detach().numpy()
        probabilities = probabilities.astype(np.float64)
        action = numbers.choice(2, p=probabilities / probabilities.sum())
        observations.append(observation)
        actions.append(int(action))
        observation, reward, terminated, truncated, _ = env.step(action)
        total += float(reward)
        over = terminated or truncated
    return total, observations, actions


def main(argv: list[str]) -> None:
    """Trains until the criterion is met."""
    del argv
    torch.manual_seed(_SEED.value)
    # Two threads take longer than one for networks of this size.
    torch.set_num_threads(1)
    numbers = np.random.default_rng(_SEED.value)
    env = gymnasium.make(ENV)
    env.reset(seed=_SEED.value)
    network = torch.nn.Sequential(
        torch.nn.Linear(4, 128), torch.nn.ReLU(), torch.nn.Linear(128, 2)
    )
    objective = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)

    @torch.no_grad()
    def act(observations: np.ndarray) -> np.ndarray:
        return network(torch.as_tensor(observations)).argmax(1).numpy()

    check, env_steps = GreedyCheck(act), 0
    for _ in range(_ITERATIONS.value):
        batch = [episode(env, network, numbers) for _ in range(BATCH_SIZE)]
        bound = np.percentile([total for total, *_ in batch], PERCENTILE)
        elites = [each for each in batch if each[0] >= bound]
        observations = np.concatenate([seen for _, seen, _ in elites])
        actions = np.concatenate([acted for *_, acted in elites])
        optimizer.zero_grad()
        objective(
            network(torch.as_tensor(observations)), torch.as_tensor(actions)
        ).backward()
        optimizer.step()
        env_steps += sum(len(seen) for _, seen, _ in batch)
        if check.passed():
            break
    check.report(env_steps)


if __name__ == "__main__":
    app.run(main)
