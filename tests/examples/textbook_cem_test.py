"""The textbook's script learns, and keras_cem takes the same updates."""

import gymnasium
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem
from keras_cem import spaces
from keras_cem.algorithm import elites
from tests import processes, scripts

pytestmark = pytest.mark.slow

SCRIPT = processes.ROOT / "examples" / "textbook_cem.py"
MAX_LINES = 80


@pytest.fixture(scope="module")
def textbook():
    with scripts.loaded(SCRIPT) as module:
        yield module


def as_mapping(trajectory):
    """A trajectory [(s, a, r), ...] as `fit` takes recorded episodes."""
    columns = zip(*trajectory, strict=True)
    names = ("observations", "actions", "rewards")
    return dict(zip(names, map(np.array, columns), strict=True))


def test_script_fits_on_a_page_without_keras_cem():
    source = SCRIPT.read_text()
    assert len(source.splitlines()) <= MAX_LINES
    assert "import keras_cem" not in source
    assert "from keras_cem" not in source


def test_script_learns(textbook, capsys):
    scripts.run(textbook, "--iterations=12", "--batch_size=40")
    lines = capsys.readouterr().out.splitlines()
    means = [float(line.split()[1].removeprefix("V_n=")) for line in lines]
    assert len(means) == 12
    # A random policy reaches 22 on average.
    assert means[0] < 30.0
    assert means[-1] > 2.0 * means[0]


def test_every_sub_environment_plays_one_whole_episode(textbook):
    envs = gymnasium.make_vec("CartPole-v1", num_envs=6)
    envs.reset(seed=0)
    keras.utils.set_random_seed(0)
    trajectories = textbook.play(
        envs, textbook.make_network(), 1.0, np.random.default_rng(0)
    )
    assert len(trajectories) == 6
    for trajectory in trajectories:
        env = gymnasium.make("CartPole-v1").unwrapped
        env.reset()
        # The recorded actions, from the first state, give what was recorded.
        env.state = trajectory[0][0].astype(np.float64)
        for step, (state, action, reward) in enumerate(trajectory, start=1):
            np.testing.assert_allclose(env.state, state, rtol=1e-4, atol=1e-5)
            _, expected, terminated, _, _ = env.step(action)
            assert reward == expected
            assert terminated == (step == len(trajectory))


def test_keras_cem_takes_the_same_updates_from_the_same_episodes(textbook):
    envs = gymnasium.make_vec("CartPole-v1", num_envs=20)
    envs.reset(seed=3)
    keras.utils.set_random_seed(3)
    network, policy = textbook.make_network(), textbook.make_network()
    policy.set_weights(network.get_weights())
    agent = cem.CEMAgent(
        policy,
        spaces.Discrete(2),
        observation_space=spaces.Box(-np.inf, np.inf, (4,)),
        elite_quantile=0.7,
        ties="strict",
        gradient_steps=1,
    )
    agent.compile(keras.optimizers.Adam(0.01))
    random = np.random.default_rng(3)
    for n in range(1, 5):
        trajectories = textbook.play(envs, network, 1 / n, random)
        before = network.get_weights()
        returns, gamma_q, elite = textbook.improve(network, trajectories, 0.7)
        history = agent.fit(
            [as_mapping(each) for each in trajectories], verbose=0
        ).history
        assert history["episode_return"] == pytest.approx([np.mean(returns)])
        assert history["elite_threshold"] == pytest.approx([gamma_q])
        assert history["num_elites"] == [len(elite)]
        _, mask = elites.select(tf.constant(returns, tf.float32), 0.7, "strict")
        assert list(np.flatnonzero(mask)) == elite
        assert 0 < len(elite) < len(returns)
        for old, new, ours in zip(
            before, network.get_weights(), policy.get_weights(), strict=True
        ):
            # Adam moves a weight by up to eta = 0.01 a step.
            assert np.abs(new - old).max() > 1e-3
            np.testing.assert_allclose(ours, new, rtol=0, atol=2e-5)
