"""Playing with an agent that does not learn: `evaluate`, `collect`, `act`."""

import re

import gymnasium
import keras
import numpy as np
import pytest

import keras_cem as cem
from tests import toy_envs


@pytest.fixture(scope="module")
def agent():
    """Trained a little; explores a lot where it does."""
    made = cem.CEMAgent.from_env(
        "ToySeeded-v0", hidden_units=(), epsilon=0.9, seed=0
    )
    made.compile(keras.optimizers.SGD(0.1))
    made.fit("ToySeeded-v0", batch_size=8, epochs=2, verbose=0)
    return made


@pytest.fixture(scope="module")
def box_agent():
    """Acts 0.25 and 5 in a box, whatever it observes."""
    policy = keras.Sequential(
        [
            keras.Input((1,)),
            keras.layers.Dense(
                2,
                kernel_initializer="zeros",
                bias_initializer=lambda shape, dtype: np.array([0.25, 5.0]),
            ),
        ]
    )
    return cem.CEMAgent(
        policy,
        gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float64),
        observation_space=gymnasium.spaces.Box(-1.0, 1.0, (1,)),
        seed=0,
    )


def evaluate(agent, x="ToySeeded-v0", **kwargs):
    arguments = {"batch_size": 4, "verbose": 0, "return_dict": True, **kwargs}
    return agent.evaluate(x, **arguments)


def greedy_returns(agent, seeds):
    """Played without the package: `act` and `env.step` alone."""
    env = gymnasium.make("ToySeeded-v0")
    returns, lengths = [], []
    for seed in seeds:
        observation, _ = env.reset(seed=seed)
        rewards, over = [], False
        while not over:
            observation, reward, terminated, truncated, _ = env.step(
                agent.act(observation)
            )
            rewards.append(reward)
            over = terminated or truncated
        returns.append(sum(rewards))
        lengths.append(len(rewards))
    return returns, lengths


def test_evaluate_plays_the_greedy_policy(agent):
    seeds = cem.prng.reset_seeds(
        agent.seed, cem.prng.EVALUATION_RESETS, int(agent.iteration), 8
    )
    returns, lengths = greedy_returns(agent, seeds)
    assert evaluate(agent, batch_size=8) == pytest.approx(
        {
            "episode_return": np.mean(returns),
            "episode_length": np.mean(lengths),
        },
        rel=1e-5,
        abs=1e-5,
    )


def test_evaluate_is_repeatable_and_learns_nothing(agent):
    before = [variable.numpy() for variable in agent.variables]
    first = evaluate(agent)
    assert evaluate(agent) == first
    for variable, value in zip(agent.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


@pytest.mark.parametrize(
    "arguments",
    [
        {"num_envs": 1},
        {"num_envs": 3},
        {"vectorization_mode": "async", "num_envs": 2},
    ],
    ids=str,
)
def test_evaluate_does_not_depend_on_how_it_is_played(agent, arguments):
    assert evaluate(agent, **arguments) == evaluate(agent)


def test_evaluate_goes_on_with_other_episodes_in_each_step(agent):
    # Three batches of four are one of twelve.
    assert evaluate(agent, steps=3) == pytest.approx(
        evaluate(agent, batch_size=12), rel=1e-6
    )
    assert evaluate(agent, steps=3) != evaluate(agent)


def test_evaluate_returns_a_list_in_the_order_of_the_documentation(agent):
    logs = evaluate(agent)
    assert evaluate(agent, return_dict=False) == [
        logs["episode_return"],
        logs["episode_length"],
    ]


def test_evaluate_tells_callbacks_of_each_batch(agent):
    batches = []
    callback = keras.callbacks.LambdaCallback()
    callback.on_test_batch_end = lambda batch, logs: batches.append(
        (batch, sorted(logs))
    )
    evaluate(agent, steps=3, callbacks=[callback])
    keys = ["episode_length", "episode_return"]
    assert batches == [(0, keys), (1, keys), (2, keys)]


def test_evaluate_prints_its_result(agent, capsys):
    logs = evaluate(agent, steps=2, verbose=1)
    told = capsys.readouterr().out
    assert "2/2" in told
    for key, value in logs.items():
        assert f"{key}: {value:.4f}" in told


def test_evaluate_caps_episodes(agent):
    assert evaluate(agent, max_episode_steps=1)["episode_length"] == 1.0


def test_collect_returns_trajectories(agent):
    played = agent.collect("ToySeeded-v0", 5)
    assert isinstance(played, cem.Trajectories)
    assert played.observations.shape == (5, 10, 2)
    assert played.actions.shape == played.rewards.shape == (5, 10)
    assert played.mask.shape == (5, 10)
    np.testing.assert_array_equal(
        played.mask, np.arange(10) < played.lengths[:, None]
    )
    # Those of fewer than 10 steps ended by themselves.
    assert played.terminated[played.lengths < 10].all()
    for k, t in np.argwhere(played.mask):
        expected = agent.act(played.observations[k, t])
        assert played.actions[k, t] == expected


def test_collect_explores_with_epsilon(agent):
    def played(**kwargs):
        trajectories = agent.collect("ToySeeded-v0", 6, **kwargs)
        return trajectories.actions[trajectories.mask].tolist()

    explored = played(epsilon=1.0, seed=3)
    assert set(explored) == {0, 1, 2}
    assert explored == played(epsilon=1.0, seed=3)
    assert explored != played(epsilon=1.0, seed=4)
    assert played() == played(epsilon=None)
    assert played() != played(epsilon=1.0)


@pytest.mark.parametrize(
    "arguments",
    [
        {"num_envs": 1},
        {"num_envs": 3},
        {"num_envs": 9},
        {"num_envs": 2, "vectorization_mode": "async"},
    ],
    ids=str,
)
def test_collect_does_not_depend_on_how_it_is_played(agent, arguments):
    expected = agent.collect("ToySeeded-v0", 6, epsilon=0.5)
    played = agent.collect("ToySeeded-v0", 6, epsilon=0.5, **arguments)
    np.testing.assert_array_equal(played.mask, expected.mask)
    np.testing.assert_array_equal(played.terminated, expected.terminated)
    for name in ("observations", "actions", "rewards"):
        np.testing.assert_array_equal(
            getattr(played, name)[expected.mask],
            getattr(expected, name)[expected.mask],
        )


def test_collect_needs_no_compile(box_agent):
    env = toy_envs.BoxIdentity([-1.0, -1.0], [1.0, 1.0], np.float64)
    env.observation_space = gymnasium.spaces.Box(-1.0, 1.0, (1,))
    played = box_agent.collect(env, 2, max_episode_steps=4)
    # What is stored is what was executed: 5 is clipped to 1.
    assert played.actions.dtype == np.float64
    np.testing.assert_array_equal(
        played.actions, np.broadcast_to([0.25, 1.0], (2, 4, 2))
    )


@pytest.mark.parametrize(
    ("arguments", "received"),
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"epsilon": -0.1}, "epsilon=-0.1"),
        ({"epsilon": 1.5}, "epsilon=1.5"),
        ({"num_envs": 0}, "num_envs=0"),
        ({"max_episode_steps": -1}, "max_episode_steps=-1"),
        ({"vectorization_mode": "fast"}, "vectorization_mode='fast'"),
    ],
)
def test_collect_refuses_arguments_out_of_range(agent, arguments, received):
    with pytest.raises(ValueError, match=re.escape(f"Received: {received}")):
        agent.collect("ToySeeded-v0", **{"batch_size": 2, **arguments})


def test_collect_refuses_data(agent):
    with pytest.raises(TypeError, match=r"(?s)`env` must be .*of type ndarray"):
        agent.collect(np.zeros((2, 2)))


def test_act_returns_what_step_takes(agent, box_agent):
    action = agent.act(np.zeros(2, np.float32))
    assert agent.action_space.to_gymnasium().contains(action)
    action = box_agent.act(np.zeros(1, np.float32))
    np.testing.assert_array_equal(action, [0.25, 1.0])
    assert action.dtype == np.float64


@pytest.mark.parametrize("observation", [[0.5, 1.0], (0.5, 1), np.ones(2)])
def test_act_takes_what_environments_return(agent, observation):
    assert agent.act(observation) in (0, 1, 2)


def test_act_explores_with_epsilon(agent):
    observation = np.zeros(2, np.float32)
    assert len({int(agent.act(observation)) for _ in range(5)}) == 1
    drawn = {int(agent.act(observation, epsilon=1.0)) for _ in range(40)}
    assert drawn == {0, 1, 2}


def test_act_explores_in_a_box(box_agent):
    drawn = [box_agent.act(np.zeros(1), epsilon=0.1) for _ in range(10)]
    assert len({float(action[0]) for action in drawn}) == 10
    for action in drawn:
        assert box_agent.action_space.to_gymnasium().contains(action)


@pytest.mark.parametrize(
    ("observation", "received"),
    [
        (np.zeros((1, 2), np.float32), "shape=(1, 2), dtype=float32"),
        (np.zeros(3, np.float32), "shape=(3,), dtype=float32"),
        ("left", "shape=(), dtype=<U4"),
        (np.array([0.0, np.nan]), "observation=[ 0. nan]"),
        (np.array([np.inf, 0.0]), "observation=[inf  0.]"),
    ],
)
def test_act_refuses_observations_that_do_not_fit(agent, observation, received):
    with pytest.raises(ValueError, match=re.escape(f"Received: {received}")):
        agent.act(observation)


@pytest.mark.parametrize("epsilon", [-0.5, 1.5, float("nan")])
def test_act_refuses_epsilon_out_of_range(agent, epsilon):
    with pytest.raises(ValueError, match=f"Received: epsilon={epsilon}"):
        agent.act(np.zeros(2), epsilon=epsilon)


def test_act_before_the_space_is_known():
    agent = cem.CEMAgent(
        keras.layers.Dense(3), gymnasium.spaces.Discrete(3), seed=0
    )
    with pytest.raises(
        ValueError, match=r"`act` needs .*Received: observation_space=None"
    ):
        agent.act(np.zeros(2))


@pytest.mark.parametrize(
    ("arguments", "received"),
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"steps": 0}, "steps=0"),
        ({"steps": 1.5}, "steps=1.5"),
        ({"num_envs": -1}, "num_envs=-1"),
        ({"max_episode_steps": 0}, "max_episode_steps=0"),
        ({"y": np.zeros(2)}, "y=array([0., 0.])"),
        ({"sample_weight": np.ones(2)}, "sample_weight=array([1., 1.])"),
    ],
)
def test_evaluate_refuses_arguments_out_of_range(agent, arguments, received):
    with pytest.raises(ValueError, match=re.escape(f"Received: {received}")):
        evaluate(agent, **arguments)


def test_evaluate_on_arrays_refuses_arguments_of_environments(agent):
    arrays = np.zeros((2, 2), np.float32), np.zeros(2, np.int64)
    with pytest.raises(
        ValueError,
        match=r"`num_envs` is for an environment only. Received: num_envs=3",
    ):
        agent.evaluate(*arrays, num_envs=3, verbose=0)


def test_evaluate_before_compile():
    agent = cem.CEMAgent.from_env("ToySeeded-v0", hidden_units=(), seed=0)
    with pytest.raises(ValueError, match="`evaluate` needs `compile` first"):
        evaluate(agent)
