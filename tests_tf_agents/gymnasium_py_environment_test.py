"""gymnasium's environments as `PyEnvironment`s."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from tf_agents.environments import utils

from keras_cem.adapters.tf_agents import GymnasiumPyEnvironment
from tests_tf_agents import toys
from tests_tf_agents.helpers import assert_same_trajectories, make_agent


class Spaces(gymnasium.Env):
    """All kinds of spaces; episodes of three steps."""

    observation_space = spaces.Dict(
        {
            "place": spaces.Discrete(4, start=-1),
            "view": spaces.Box(0, 255, (2, 3), np.uint8),
            "pair": spaces.Tuple(
                [
                    spaces.MultiBinary(3),
                    spaces.Box(-np.inf, np.inf, (), np.float64),
                ]
            ),
        }
    )
    action_space = spaces.Dict(
        {
            "turn": spaces.MultiDiscrete([2, 3], start=[0, 5]),
            "push": spaces.Box(-1.0, 1.0, (2,)),
            "jump": spaces.Discrete(2),
        }
    )

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        self._left = 3
        return self.observation_space.sample(), {"left": 3}

    def step(self, action):
        assert self.action_space.contains(action), action
        self._left -= 1
        # A Python float and a float64: rewards are float32 in TF-Agents.
        reward = [1.0, np.float64(0.5)][self._left % 2]
        return (
            self.observation_space.sample(),
            reward,
            False,
            not self._left,
            {},
        )


@pytest.mark.parametrize(
    "make",
    [
        Spaces,
        toys.Gymnasium,
        lambda: "CartPole-v1",
        lambda: "Pendulum-v1",
        lambda: "FrozenLake-v1",
    ],
    ids=["spaces", "toy", "cartpole", "pendulum", "frozen_lake"],
)
def test_tf_agents_finds_it_valid(make):
    utils.validate_py_environment(GymnasiumPyEnvironment(make()), episodes=2)


def test_ends_keep_their_meaning():
    env = GymnasiumPyEnvironment(toys.Gymnasium())
    env.reset()
    steps = [env.step(np.int64(4)) for _ in range(toys.LIMIT)]
    assert [int(step.step_type) for step in steps] == [1] * 5 + [2]
    assert steps[-1].discount == 1.0
    assert env.step(np.int64(5)).is_first()
    steps = [env.step(np.int64(5)) for _ in range(4)]
    assert steps[-1].is_last()
    assert steps[-1].discount == 0.0
    # 1/8 + 2/8 + 3/8 + 4/8
    np.testing.assert_array_equal(steps[-1].observation, [1.25, 0.5])


def test_seed_is_of_the_next_reset():
    env = GymnasiumPyEnvironment(toys.Gymnasium())
    for seed in (3, 4):
        env.seed(seed)
        assert env.reset().observation[0] == toys.start(seed)
    assert env.reset().observation[0] == toys.start(None)


def test_info_and_rendering_are_passed_on():
    env = GymnasiumPyEnvironment(Spaces())
    env.reset()
    assert env.get_info() == {"left": 3}
    with pytest.raises(ValueError, match=r"`mode` must be one of \(None,\)"):
        env.render()


def test_agents_play_it_as_they_play_what_is_inside():
    agent = make_agent(toys.Gymnasium.action_space)
    options = {"epsilon": 0.7, "max_episode_steps": 9}
    assert_same_trajectories(
        agent.collect(GymnasiumPyEnvironment(toys.Gymnasium()), 8, **options),
        agent.collect(toys.Gymnasium(), 8, **options),
    )


def test_the_limit_of_an_id_is_known():
    assert GymnasiumPyEnvironment("CartPole-v1").max_episode_steps == 500
    assert GymnasiumPyEnvironment(toys.Gymnasium()).max_episode_steps is None


def test_refuses_what_is_no_single_environment():
    vector = gymnasium.make_vec("CartPole-v1", num_envs=2)
    with pytest.raises(TypeError, match=r"`env` must be a `gymnasium\.Env`.*"):
        GymnasiumPyEnvironment(vector)
    vector.close()


def test_unknown_id_is_named():
    with pytest.raises(ValueError, match="env='NoSuchEnv-v0'"):
        GymnasiumPyEnvironment("NoSuchEnv-v0")
