"""Exploration that persists, from the agent to the actions of an episode."""

import gymnasium
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem

OPTIONS = {
    "CartPole-v1": {"persistence": 5},
    "Pendulum-v1": {
        "noise": "correlated",
        "correlation": 0.8,
        "imitate": "drawn",
    },
}
PLAYED = {"max_episode_steps": 12, "epsilon": 0.5}


def make_agent(env, **options):
    """An agent that is undecided: its outputs are 0."""
    observation_space, action_space = cem.CEMAgent.spaces_of(env)
    size = getattr(action_space, "n", 1)
    return cem.CEMAgent(
        keras.Sequential(
            [keras.layers.Dense(size, kernel_initializer="zeros")]
        ),
        action_space,
        observation_space=observation_space,
        seed=4,
        **options,
    )


@pytest.mark.parametrize("env", OPTIONS)
def test_actions_do_not_depend_on_the_layout_nor_the_engine(env):
    agent = make_agent(env, **OPTIONS[env])
    expected = agent.collect(env, 9, engine="host", num_envs=9, **PLAYED)
    others = [
        agent.collect(env, 9, engine="host", num_envs=2, **PLAYED),
        # Starts from other states, but explores alike.
        agent.collect(env, 9, engine="graph", **PLAYED),
    ]
    for other in others:
        both = expected.mask & other.mask
        assert both.sum() > 60
        np.testing.assert_allclose(
            other.actions[both], expected.actions[both], rtol=1e-4, atol=1e-5
        )


def test_noise_of_an_episode_is_alike_from_step_to_step():
    """The correlation of neighbours is beta; epsilon 0.1 clips nothing."""
    env = "Pendulum-v1"
    agent = make_agent(env, noise="correlated", correlation=0.95)
    played = agent.collect(env, 300, epsilon=0.1, max_episode_steps=20)
    # In half-widths, which are 2.
    noise = played.actions[..., 0] / (0.1 * 2)
    np.testing.assert_allclose(np.mean(noise**2), 1.0, atol=0.15)
    neighbours = np.mean(noise[:, 1:] * noise[:, :-1])
    np.testing.assert_allclose(neighbours, 0.95, atol=0.15)
    # And new in each episode.
    assert abs(np.mean(noise[1:] * noise[:-1])) < 0.15


def test_held_actions_last():
    """Share of episodes that begin with eight equal actions.

    Of eight fair coins, it is 2**-7; of actions that are held for up to eight
    steps, one that starts at once lasts for all of them with 1/2 * 1/8.
    """
    played = make_agent("CartPole-v1", persistence=8).collect(
        "CartPole-v1", 400, epsilon=0.5, max_episode_steps=8
    )
    assert np.mean(np.ptp(played.actions, axis=1) == 0) > 0.7 / 16


class Throttle(gymnasium.Env):
    """Pays the action, which must be in [-1, 1]; two steps an episode."""

    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (1,))
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = 2
        return np.ones(1, np.float32), {}

    def step(self, action):
        assert self.action_space.contains(action)
        self.left -= 1
        return np.ones(1, np.float32), action[0], self.left == 0, False, {}


def test_the_environment_is_given_drawn_actions_clipped():
    agent = make_agent(Throttle, imitate="drawn")
    played = agent.collect(Throttle, 50, epsilon=2.0, max_episode_steps=2)
    actions = played.actions[..., 0]
    assert 0.4 < np.mean(np.abs(actions) > 1.0) < 0.8
    np.testing.assert_allclose(played.rewards, np.clip(actions, -1.0, 1.0))
    greedy = agent.collect(Throttle, 2, max_episode_steps=2)
    np.testing.assert_array_equal(greedy.actions, np.zeros((2, 2, 1)))


def test_the_graph_plays_drawn_actions_clipped():
    """Full throttle from both: the same episode, rewards included."""
    agents = [
        make_agent("Pendulum-v1", imitate=imitate)
        for imitate in ("played", "drawn")
    ]
    played, drawn = (
        agent.collect(
            "Pendulum-v1", 5, epsilon=5.0, engine="graph", max_episode_steps=6
        )
        for agent in agents
    )
    assert np.any(np.abs(drawn.actions) > 2.0)
    np.testing.assert_array_equal(
        played.actions, np.clip(drawn.actions, -2.0, 2.0)
    )
    np.testing.assert_allclose(played.rewards, drawn.rewards, rtol=1e-5)


def test_act_and_an_exports_sample_are_clipped(tmp_path):
    agent = make_agent(Throttle, imitate="drawn")
    acted = [agent.act(np.ones(1, np.float32), epsilon=9.0) for _ in range(20)]
    agent.export(tmp_path / "policy")
    policy = tf.saved_model.load(tmp_path / "policy")
    sampled = policy.act_sample(
        tf.ones((20, 1)), tf.constant([1, 2]), tf.constant(9.0)
    )
    for actions in (np.array(acted), sampled.numpy()):
        assert np.abs(actions).max() == 1.0
        assert len(np.unique(actions)) > 1


@pytest.mark.parametrize("imitate", ["played", "drawn"])
def test_a_policy_that_imitates_drawn_actions_leaves_the_box(imitate):
    """The mean of what is at least as good as the bound is beyond it."""
    agent = make_agent(
        Throttle, imitate=imitate, gradient_steps=50, epsilon=1.0
    )
    agent.compile(keras.optimizers.Adam(0.1))
    agent.fit(Throttle, batch_size=32, epochs=4, max_episode_steps=2, verbose=0)
    (output,) = agent(np.ones((1, 1), np.float32)).numpy()[0]
    assert (output > 1.1) == (imitate == "drawn")
    assert agent.act(np.ones(1, np.float32)) == pytest.approx(min(output, 1.0))
