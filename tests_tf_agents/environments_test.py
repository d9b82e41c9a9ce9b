"""`PyEnvironment`s in all their forms, played on the host."""

import contextlib

import numpy as np
import pytest
from tf_agents.environments import (
    batched_py_environment,
    suite_gym,
    tf_py_environment,
    wrappers,
)
from tf_agents.specs import array_spec
from tf_agents.trajectories import time_step as ts

import keras_cem as cem
from keras_cem import spaces
from tests_tf_agents import toys
from tests_tf_agents.helpers import (
    ACTION,
    OBSERVATION,
    assert_same_trajectories,
    make_agent,
)

K = 8


def collect(env, agent=None, **kwargs):
    agent = make_agent() if agent is None else agent
    return agent.collect(
        env, K, **{"epsilon": 0.7, "max_episode_steps": 9, **kwargs}
    )


@pytest.fixture(scope="module")
def expected():
    """What the gymnasium environment plays, by its reset seeds."""
    played = collect(toys.Gymnasium(), make_agent(spaces.Discrete(3, start=3)))
    # All that is to be told apart happens in it.
    assert 0 < played.terminated.sum() < K
    assert played.lengths.max() == toys.LIMIT > played.lengths.min()
    assert len(np.unique(played.observations[:, 0, 0])) > 2
    return played


def batched(size, **kwargs):
    return batched_py_environment.BatchedPyEnvironment(
        [toys.Py(**kwargs) for _ in range(size)], multithreading=False
    )


SEEDED = {
    "single": toys.Py,
    "auto_reset": lambda: toys.Py(handle_auto_reset=True),
    "time_limit": lambda: wrappers.TimeLimit(toys.Py(), 9),
    "batched": lambda: batched(3),
    "batched_auto_reset": lambda: batched(3, handle_auto_reset=True),
    "tf": lambda: tf_py_environment.TFPyEnvironment(toys.Py()),
    "tf_batched": lambda: tf_py_environment.TFPyEnvironment(batched(2)),
}


@pytest.mark.parametrize("form", list(SEEDED))
def test_plays_what_gymnasium_plays(form, expected):
    with contextlib.closing(SEEDED[form]()) as env:
        assert_same_trajectories(collect(env), expected)


@pytest.mark.parametrize("handle_auto_reset", [False, True])
@pytest.mark.parametrize("size", [3, 16])
def test_natively_batched_plays_the_same_from_the_same_start(
    size, handle_auto_reset
):
    env = toys.Batched(size, handle_auto_reset)
    single = toys.Py(seedable=False)
    assert_same_trajectories(collect(env), collect(single))


def test_specs_become_spaces():
    agent = cem.CEMAgent.from_env(toys.Py(), hidden_units=(4,), seed=0)
    assert agent.action_space == ACTION
    assert agent.observation_space == OBSERVATION


def test_fit_learns_from_whole_episodes():
    agent = make_agent()
    with contextlib.closing(
        tf_py_environment.TFPyEnvironment(toys.Py())
    ) as validation:
        history = agent.fit(
            toys.Py(),
            batch_size=K,
            epochs=2,
            validation_data=validation,
            max_episode_steps=9,
            verbose=0,
        ).history
    assert history["env_steps"][-1] == K * sum(history["episode_length"])
    assert len(history["val_episode_return"]) == 2
    assert np.isfinite(history["loss"]).all()


def test_each_trajectory_is_one_reset():
    env = toys.Py(handle_auto_reset=True)
    collect(env)
    assert env.num_resets == K


def test_the_cap_of_a_time_limit_is_known():
    played = make_agent().collect(
        wrappers.TimeLimit(toys.Py(), 4), K, epsilon=0.7
    )
    assert played.mask.shape == (K, 4)
    cut = played.lengths == 4
    assert cut.any()
    np.testing.assert_array_equal(played.terminated[~cut], True)


def test_suite_environment_has_a_limit_of_its_own():
    env = suite_gym.load("CartPole-v1")
    agent = cem.CEMAgent.from_env(env, hidden_units=(4,), seed=0)
    assert agent.action_space == spaces.Discrete(2)
    assert agent.collect(env, 2).mask.shape == (2, 500)
    # gymnasium's has infinite bounds, which gym and specs write as numbers.
    agent.collect("CartPole-v1", 2)


class Nested(toys.Py):
    """Observes a list and a dictionary, acts by a dictionary."""

    def observation_spec(self):
        return [
            {"speed": array_spec.ArraySpec((), np.float64)},
            array_spec.BoundedArraySpec((1,), np.uint8, 0, 9),
        ]

    def action_spec(self):
        return {
            "b": array_spec.BoundedArraySpec((2,), np.int64, [0, 5], [1, 7]),
            "a": array_spec.BoundedArraySpec((1,), np.int32, -1, 1),
        }

    def _reset(self):
        super()._reset()
        return ts.restart(self._nest(0.0))

    def _step(self, action):
        assert list(action) == ["b", "a"]
        assert action["b"].shape == (2,)
        assert action["b"].dtype == np.int64
        assert action["a"].shape == (1,)
        assert action["a"].dtype == np.int32
        self.acted = action
        return ts.termination(self._nest(0.5), np.float32(1.0))

    def _nest(self, speed):
        return [{"speed": np.float64(speed)}, np.array([7], np.uint8)]


def test_nests_are_played_in_their_own_structure():
    env = Nested()
    agent = cem.CEMAgent.from_env(env, hidden_units=(4,), seed=0)
    assert agent.action_space == spaces.Dict(
        {
            "a": spaces.MultiDiscrete([3], [-1], "int32"),
            "b": spaces.MultiDiscrete([2, 3], [0, 5]),
        }
    )
    played = agent.collect(env, 3, epsilon=1.0, max_episode_steps=5)
    np.testing.assert_array_equal(played.observations[1][:, 0], 7)
    assert played.observations[0]["speed"].dtype == np.float64
    np.testing.assert_array_equal(played.lengths, 1)
    np.testing.assert_array_equal(played.actions["a"][2, 0], env.acted["a"])
    np.testing.assert_array_equal(played.actions["b"][2, 0], env.acted["b"])


class NeverSaysLast(toys.Py):
    def _step(self, action):
        return ts.restart(np.zeros(2, np.float32))


class Changed(toys.Py):
    def __init__(self, **specs):
        super().__init__()
        self._specs = specs

    def action_spec(self):
        return self._specs.get("action", toys.ACTION)

    def observation_spec(self):
        return self._specs.get("observation", toys.OBSERVATION)

    def reward_spec(self):
        return self._specs.get("reward", super().reward_spec())


@pytest.mark.parametrize(
    ("env", "options", "error", "message"),
    [
        (
            toys.Py(),
            {"max_episode_steps": None},
            ValueError,
            "`max_episode_steps` must be given .* max_episode_steps=None.*Py",
        ),
        (
            toys.Py(),
            {"engine": "graph"},
            ValueError,
            "`engine` must be 'auto' or 'host' .* engine='graph'",
        ),
        (
            toys.Py(),
            {"num_envs": 2},
            ValueError,
            "`num_envs` must be None for a `PyEnvironment`.* num_envs=2",
        ),
        (
            Changed(reward=array_spec.ArraySpec((2,), np.float32)),
            {},
            ValueError,
            r"`reward_spec` must describe one number per step.*\(2,\)",
        ),
        (
            Changed(action=array_spec.ArraySpec((), np.int32)),
            {},
            ValueError,
            "`action_spec` must be bounded.*ArraySpec.*int32.* Use a "
            "`BoundedArraySpec`",
        ),
        (
            NeverSaysLast(),
            {},
            RuntimeError,
            "returned FIRST before LAST.*trajectory 0, step 0",
        ),
    ],
    ids=["endless", "graph", "num_envs", "reward", "unbounded", "first"],
)
def test_refuses(env, options, error, message):
    with pytest.raises(error, match=message):
        collect(env, **options)


def test_unbounded_actions_of_floats_need_a_scale():
    env = Changed(action=array_spec.ArraySpec((1,), np.float32, "force"))
    with pytest.raises(
        ValueError,
        match=r"`action_space` must have a finite.*inf.*Set `action_scale`",
    ):
        cem.CEMAgent.from_env(env, seed=0)
