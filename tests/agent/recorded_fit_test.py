"""Learning from recorded episodes: filtered imitation."""

import gymnasium
import keras
import numpy as np
import pytest

import keras_cem as cem
from keras_cem import spaces
from tests import toy_envs
from tests.helpers import assert_equal, differ, learned_state, policy_weights

pytestmark = pytest.mark.slow

SPACES = {
    "observation_space": toy_envs.Scripted.observation_space,
    "action_space": toy_envs.Scripted.action_space,
}
PLAYED = {"max_episode_steps": 3}


def make_agent(**options):
    agent = cem.CEMAgent(
        keras.Sequential([keras.layers.Dense(5, kernel_initializer="zeros")]),
        **{**SPACES, "seed": 3, **options},
    )
    agent.compile(keras.optimizers.Adam(0.1), run_eagerly=True)
    return agent


def episode(action, reward, steps=4):
    return {
        "observations": np.ones((steps + 1, 2), np.float32),
        "actions": np.full(steps, action),
        "rewards": np.full(steps, reward),
    }


# The best take action 3, the others any other one.
RECORDED = [episode(3, 1.0) for _ in range(6)] + [
    episode(action, 0.1 * action) for action in (0, 1, 2, 4) for _ in range(4)
]


def fit(agent, x=RECORDED, **options):
    return agent.fit(x, **{"batch_size": 11, "verbose": 0, **options})


def test_the_policy_imitates_the_best_of_what_is_recorded():
    agent = make_agent(gradient_steps=5)
    history = fit(agent, epochs=10).history
    assert agent.act(np.ones(2, np.float32)) == 3
    assert history["loss"][-1] < history["loss"][0]
    # Lengths are those recorded; nothing was played.
    assert history["episode_length"] == [4.0] * 10
    assert history["env_steps"] == [0] * 10
    assert int(agent.iteration) == 10
    np.testing.assert_allclose(max(history["episode_return_max"]), 4.0)


def test_elites_are_chosen_as_on_an_environment():
    """All episodes at once: a batch of known returns 0, ..., 4."""
    recorded = [episode(3, value / 4) for value in range(5)]
    history = fit(
        make_agent(elite_quantile=0.7), recorded, batch_size=5
    ).history
    # numpy.quantile([0, 1, 2, 3, 4], 0.7) = 2.8.
    np.testing.assert_allclose(history["elite_threshold"], [2.8], rtol=1e-6)
    assert history["num_elites"] == [2.0]
    assert history["episode_return"] == [2.0]
    # ln 5 for each of the 4 pairs of an elite trajectory.
    np.testing.assert_allclose(history["loss"], [4 * np.log(5)], rtol=1e-5)


def test_resumed_equals_uninterrupted():
    at_once, in_parts = make_agent(), make_agent()
    fit(at_once, epochs=5)
    fit(in_parts, epochs=2)
    fit(in_parts, epochs=5, initial_epoch=2)
    assert_equal(learned_state(at_once), learned_state(in_parts))
    other = make_agent(seed=4)
    fit(other, epochs=5)
    assert differ(learned_state(at_once), learned_state(other))


@pytest.mark.parametrize(
    "compiled", [{"jit_compile": False}, {"steps_per_execution": 2}]
)
def test_however_keras_runs_it_the_weights_are_the_same(compiled):
    expected, agent = make_agent(), make_agent()
    agent.compile(keras.optimizers.Adam(0.1), **compiled)
    for each in (expected, agent):
        fit(each, epochs=2, steps_per_epoch=2)
    for mine, theirs in zip(
        policy_weights(agent), policy_weights(expected), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)


def test_warm_start_for_an_environment_and_validation_on_one():
    agent = make_agent()
    history = fit(
        agent,
        epochs=2,
        validation_data=toy_envs.Scripted,
        validation_batch_size=4,
        **PLAYED,
    ).history
    assert len(history["val_episode_return"]) == 2
    assert int(agent.env_steps) == 0
    agent.fit(
        toy_envs.Scripted,
        batch_size=4,
        epochs=3,
        initial_epoch=2,
        verbose=0,
        **PLAYED,
    )
    assert int(agent.iteration) == 3
    assert int(agent.env_steps) > 0
    # And back again: both functions are kept.
    fit(agent, epochs=4, initial_epoch=3)
    assert int(agent.iteration) == 4


def test_batch_size_is_by_default_all_of_a_few():
    agent = make_agent()
    history = agent.fit(RECORDED, verbose=0).history
    expected = np.mean([np.sum(each["rewards"]) for each in RECORDED])
    np.testing.assert_allclose(history["episode_return"], [expected], rtol=1e-5)


def test_arrays_are_still_data_of_keras():
    agent = make_agent()
    x = [[0.0, 1.0], [2.0, 3.0]]
    agent.fit(np.array(x, np.float32), np.array([0, 1]), verbose=0)
    assert int(agent.iteration) == 0


# Errors


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        ([], {}, "recorded episodes, 0"),
        (RECORDED, {"batch_size": 23}, "recorded episodes, 22"),
        (RECORDED, {"y": np.zeros(3)}, "`y` is for arrays only"),
        (RECORDED, {"num_envs": 2}, "`num_envs` is for an environment only"),
        (
            RECORDED,
            {"max_episode_steps": 2},
            "`max_episode_steps` is for an environment only",
        ),
        ([*RECORDED, episode(7, 1.0)], {}, r"`x\[22\].actions` must be in"),
        (
            [*RECORDED, episode(1, np.nan)],
            {},
            r"`x\[22\].rewards` must be finite",
        ),
        (RECORDED, {"validation_data": RECORDED}, "cannot be played"),
    ],
    ids=range(8),
)
def test_bad_input_is_refused_before_anything_is_learned(x, options, message):
    agent = make_agent()
    before = policy_weights(agent)
    with pytest.raises(ValueError, match=message):
        fit(agent, x, **options)
    assert_equal(policy_weights(agent), before)
    assert int(agent.iteration) == 0


def test_episodes_cannot_be_evaluated_or_collected():
    agent = make_agent()
    for verb in (agent.evaluate, agent.collect):
        with pytest.raises(ValueError, match="cannot be played") as error:
            verb(RECORDED)
        assert "Received: a list of episodes" in str(error.value)


def test_list_of_episodes_has_no_spaces():
    with pytest.raises(ValueError, match="`env` must have spaces"):
        cem.CEMAgent.from_env(RECORDED)
    agent = make_agent(observation_space=None)
    with pytest.raises(ValueError, match="needs the agent's observation space"):
        fit(agent)


def test_observations_of_another_shape_are_refused():
    agent = make_agent(observation_space=gymnasium.spaces.Box(-1.0, 1.0, (3,)))
    with pytest.raises(ValueError, match=r"`x\[0\].observations` must have"):
        fit(agent)
    assert agent.observation_space == spaces.Box(-1.0, 1.0, (3,))


def test_elites_of_earlier_batches_are_remembered():
    agent = make_agent(elite_memory=4)
    fit(agent, batch_size=11, epochs=2)
    # All six of the best tie; only four are kept.
    assert agent.memory.num_held == 4
    np.testing.assert_array_equal(agent.memory.lengths, [4] * 4)


@pytest.mark.parametrize("name", ["episodes_per_start", "episodes_per_policy"])
def test_what_is_recorded_has_no_groups(name):
    agent = make_agent(**{name: 2})
    with pytest.raises(ValueError, match=f"`{name}` is for an environment"):
        fit(agent, batch_size=4)
