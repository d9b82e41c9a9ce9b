"""Agents to measure with."""

from typing import Any

import numpy as np

from keras_cem import CEMAgent

ENV = "CartPole-v1"
# Leans on position, speed, angle and its speed: balances for 500 steps.
BALANCE = np.array([0.1, 0.5, 5.0, 1.0], np.float32)


def make_agent(balancing: bool, **options: Any) -> CEMAgent:
    """Returns an agent with a 4-128-2 network, untrained or balancing."""
    agent = CEMAgent.from_env(ENV, hidden_units=(128,), seed=0, **options)
    agent.compile("adam")
    if balancing:
        hidden, hidden_bias, out, out_bias = agent.policy.get_weights()
        hidden[:, 0], hidden[:, 1] = BALANCE, -BALANCE
        out[:] = 0.0
        out[0, 1] = out[1, 0] = 100.0
        agent.policy.set_weights([hidden, hidden_bias, out, out_bias])
    return agent
