"""The deep cross-entropy method on one page, with Keras and gymnasium.

The algorithm for m actions of A. Plaksin's lecture 2, "Introduction to Neural
Networks. Deep Cross-Entropy Method", with its formulas beside the lines. The
test of this script shows that `keras_cem.CEMAgent` takes the same updates.

    python examples/textbook_cem.py  # learns CartPole-v1 in a minute
"""

import gymnasium
import keras
import numpy as np
from absl import app, flags

_ITERATIONS = flags.DEFINE_integer("iterations", 40, "N.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 50, "K, trajectories.")


def make_network(learning_rate=0.01):
    """F: R^n -> R^m with parameters theta. Here n = 4 and m = 2."""
    hidden = keras.layers.Dense(128, activation="relu")
    network = keras.Sequential([keras.Input((4,)), hidden])
    network.add(keras.layers.Dense(2))
    # The sum of -w * ln pi(a|s) over pairs (s, a) with weights w.
    loss = keras.losses.SparseCategoricalCrossentropy(True, reduction="sum")
    network.compile(keras.optimizers.Adam(learning_rate), loss)  # eta
    return network


def play(envs, network, epsilon, random):
    """Policy evaluation: K trajectories tau_k, each [(s, a, r), ...]."""
    trajectories = [[] for _ in range(envs.num_envs)]
    running = np.full(envs.num_envs, True)
    states, _ = envs.reset()
    while running.any():
        # pi(.|s) = Softmax(F(s))
        pi = keras.ops.softmax(network.predict_on_batch(states))
        # pi_n(.|s) = (1 - epsilon) * pi(.|s) + epsilon / m
        pi = (1 - epsilon) * np.float64(pi) + epsilon / pi.shape[1]
        # a ~ pi_n(.|s): the first whose cumulative probability exceeds u.
        u = random.random((len(pi), 1))
        actions = (pi[:, :-1].cumsum(axis=1) <= u).sum(axis=1)
        acted_in = states
        states, rewards, terminated, truncated, _ = envs.step(actions)
        for k in np.flatnonzero(running):
            trajectories[k].append((acted_in[k], actions[k], rewards[k]))
        running &= ~(terminated | truncated)
    return trajectories


def improve(network, trajectories, q):
    """Policy improvement; returns all G(tau_k), gamma_q and the elite k."""
    returns = [sum(r for _, _, r in tau) for tau in trajectories]
    gamma_q = np.quantile(returns, q)
    # T_n = {tau_k : G(tau_k) > gamma_q}
    elites = [k for k, total in enumerate(returns) if total > gamma_q]
    if elites:
        pairs = [(s, a) for k in elites for s, a, _ in trajectories[k]]
        states, actions = map(np.array, zip(*pairs, strict=True))
        # Loss(theta) = -1 / |T_n| * (sum of ln pi(a|s) over (s, a) in T_n)
        weights = np.full(len(pairs), 1 / len(elites))
        # theta_{n+1} = theta_n - eta * (gradient of Loss at theta_n)
        network.train_on_batch(states, actions, weights)
    return returns, gamma_q, elites


def main(_):
    """Repeats both steps with epsilon = 1 / n; prints V_n, the mean of G."""
    keras.utils.set_random_seed(0)
    random, network = np.random.default_rng(0), make_network()
    envs = gymnasium.make_vec("CartPole-v1", num_envs=_BATCH_SIZE.value)
    envs.reset(seed=0)
    for n in range(1, _ITERATIONS.value + 1):
        tau = play(envs, network, 1 / n, random)
        returns, gamma_q, _ = improve(network, tau, q=0.8)
        print(f"n={n} V_n={np.mean(returns):.1f} gamma_q={gamma_q:.1f}")


if __name__ == "__main__":
    app.run(main)
