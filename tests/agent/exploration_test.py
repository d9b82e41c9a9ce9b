"""Exploration that persists, from the agent to the actions of an episode."""

import gymnasium
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem
from keras_cem import prng
from keras_cem.engines.graph.source import GraphSource
from keras_cem.networks import state_features

pytestmark = pytest.mark.slow

OPTIONS = {
    "CartPole-v1": {"persistence": 5},
    "Pendulum-v1": {
        "noise": "correlated",
        "correlation": 0.8,
        "imitate": "drawn",
    },
}
PLAYED = {"max_episode_steps": 12, "epsilon": 0.5}


@pytest.fixture
def no_xla(monkeypatch):
    """Plays in the graph as traced, which XLA compiles for seconds."""
    monkeypatch.setattr(GraphSource, "compilable", lambda *_: False)


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


@pytest.mark.usefixtures("no_xla")
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


@pytest.mark.usefixtures("no_xla")
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


@pytest.mark.usefixtures("no_xla")
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


def _noise_of(agent, played, epsilon):
    """What each action is meant to be, step by step, of an undecided agent."""
    observed = state_features.observed(
        agent.head,
        agent.policy,
        agent.observation_space,
        played.observations.reshape(-1, 3),
    )
    rows, steps = played.mask.shape
    trajectory = tf.repeat(tf.cast(tf.range(rows), tf.uint32), steps)
    actions, _ = agent.head.explore(
        tf.zeros((rows * steps, 1)),
        tf.constant(epsilon),
        prng.make_key(4, prng.EXPLORATION, int(agent.iteration)),
        (trajectory, tf.zeros_like(trajectory)),
        (),
        observed,
    )
    return actions.numpy().reshape(rows, steps, 1)


@pytest.mark.usefixtures("no_xla")
def test_noise_of_the_state_does_not_depend_on_layout_nor_engine():
    env = "Pendulum-v1"
    agent = make_agent(env, noise="state", normalize_observations=True)
    shift = np.array([0.5, 0.0, -1.0], np.float32)
    agent.policy.normalizations[0].shift.assign(shift)
    layouts = [
        {"engine": "host", "num_envs": 9},
        {"engine": "host", "num_envs": 2},
        {"engine": "graph"},
    ]
    for layout in layouts:
        played = agent.collect(env, 9, **layout, **PLAYED)
        assert np.ptp(played.actions) > 1
        np.testing.assert_allclose(
            played.actions,
            _noise_of(agent, played, 0.5),
            rtol=1e-4,
            atol=1e-5,
        )


def test_noise_of_the_state_learns_the_same_in_any_layout():
    weights = []
    for num_envs in (2, 6):
        agent = make_agent(
            "Pendulum-v1", noise="state", normalize_observations=True
        )
        agent.compile("sgd", run_eagerly=True)
        agent.fit(
            "Pendulum-v1",
            batch_size=6,
            epochs=2,
            engine="host",
            num_envs=num_envs,
            max_episode_steps=8,
            verbose=0,
        )
        weights.append(agent.policy.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert np.any(weights[0][0] != 0)


def test_a_sample_of_the_policy_keeps_its_noise_of_the_state():
    """What two trajectories of a group observe alike they do alike."""
    agent = make_agent(Throttle, noise="state", episodes_per_policy=2)
    rows = tf.cast(tf.range(4), tf.uint32)
    observed = tf.constant([[0.5], [0.5], [0.5], [0.5]])
    drawn = []
    for step in (0, 3):
        actions, _ = agent.head.explore(
            tf.zeros((4, 1)),
            tf.constant(0.5),
            prng.make_key(0, prng.EXPLORATION),
            agent.groups.counter(rows, rows + step, [observed]),
            (),
            observed,
        )
        drawn.append(actions.numpy()[:, 0])
    np.testing.assert_array_equal(*drawn)
    assert drawn[0][0] == drawn[0][1] != drawn[0][2] == drawn[0][3]


def test_noise_of_the_state_needs_floats_to_follow():
    with pytest.raises(ValueError, match="`noise` must not be 'state'"):
        cem.CEMAgent(
            keras.Sequential([keras.layers.Dense(1)]),
            Throttle.action_space,
            observation_space=gymnasium.spaces.MultiBinary(3),
            noise="state",
        )
