import pathlib

import gymnasium
import numpy as np
import pytest

import keras_cem as cem
from tests.export.hiding import run_without_keras

pytestmark = pytest.mark.slow

SCRIPT = pathlib.Path(__file__).parents[2] / "examples/serve_saved_model.py"
PROGRAM = """
import runpy

runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""


@pytest.mark.parametrize("env", ["CartPole-v1", "FrozenLake-v1"])
def test_policy_reaches_what_the_agent_reaches(env, tmp_path):
    agent = cem.CEMAgent.from_env(env, hidden_units=(8,), seed=0)
    agent.export(tmp_path / "policy")
    arguments = ["--policy=policy", f"--env={env}", "--episodes=3"]
    printed = run_without_keras(PROGRAM, SCRIPT, *arguments, cwd=tmp_path)
    returns = [_episode_return(agent, env, seed) for seed in range(3)]
    mean, deviation = np.mean(returns), np.std(returns)
    assert f"over 3 episodes: {mean:.2f} +- {deviation:.2f}" in printed


def _episode_return(agent, env, seed):
    env = gymnasium.make(env)
    observation, _ = env.reset(seed=seed)
    done, total = False, 0.0
    while not done:
        observation, reward, terminated, truncated, _ = env.step(
            agent.act(observation)
        )
        total += reward
        done = terminated or truncated
    env.close()
    return total
