"""Environments of gymnasium, played and learned from for two iterations."""

import gymnasium
import keras
import numpy as np
import pytest

import keras_cem as cem
from keras_cem import spaces

pytestmark = pytest.mark.slow

EPISODES, STEPS = 4, 12
# Box2D's and MuJoCo's modules are written by SWIG.
SWIG = pytest.mark.filterwarnings("ignore:builtin type:DeprecationWarning")
TAXI = max(id for id in gymnasium.registry if id.startswith("Taxi-v"))

# Where an in-graph version plays, the second entry is that of the host.
ENVS = [
    ("CartPole-v1", {}),
    ("Blackjack-v1", {}),
    ("FrozenLake-v1", {}),
    (TAXI, {"embedding": 4}),
    ("MountainCarContinuous-v0", {}),
    ("Pendulum-v1", {}),
    pytest.param("LunarLander-v3", {}, marks=SWIG),
    pytest.param("LunarLanderContinuous-v3", {}, marks=SWIG),
    pytest.param("InvertedPendulum-v5", {}, marks=SWIG),
]


@pytest.mark.parametrize(("env_id", "network"), ENVS)
def test_environment_is_learned_from(env_id, network, tmp_path):
    agent = cem.CEMAgent.from_env(
        env_id, hidden_units=(8,), network=network, elite_quantile=0.5, seed=0
    )
    agent.compile(keras.optimizers.Adam(0.01), run_eagerly=True)
    before = agent.get_weights()
    playing = {"max_episode_steps": STEPS, "engine": "host", "verbose": 0}
    history = agent.fit(
        env_id, batch_size=EPISODES, epochs=2, **playing
    ).history
    assert all(np.isfinite(values).all() for values in history.values())
    assert int(agent.iteration) == 2
    assert history["env_steps"][-1] == sum(
        EPISODES * length for length in history["episode_length"]
    )
    if np.any(history["num_elites"]):
        assert any(
            np.any(new != old)
            for new, old in zip(agent.get_weights(), before, strict=True)
        )
    played = agent.collect(
        env_id, 2, epsilon=0.5, max_episode_steps=STEPS, engine="host"
    )
    env = gymnasium.make(env_id)
    action_space, observation_space = env.action_space, env.observation_space
    env.close()
    described = spaces.get(observation_space)
    for leaf, value in zip(
        described.leaves, described.flatten(played.observations), strict=True
    ):
        assert value.shape == (2, STEPS, *leaf.shape)
        assert value.dtype == leaf.dtype
    for row, step in np.argwhere(played.mask):
        assert action_space.contains(played.actions[row, step])
    action_space.seed(0)
    observation_space.seed(0)
    observation = observation_space.sample()
    action = agent.act(observation)
    assert action_space.contains(action)
    agent.save(tmp_path / "agent.keras")
    again = keras.saving.load_model(tmp_path / "agent.keras")
    np.testing.assert_array_equal(again.act(observation), action)
