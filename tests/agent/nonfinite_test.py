"""What is not finite never reaches the weights, whatever `on_nonfinite` is."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem
from tests import toy_envs
from tests.helpers import (
    BOX,
    EAGER,
    MODES,
    assert_equal,
    improve,
    learned_state,
    make_agent,
    make_trajectories,
)

pytestmark = pytest.mark.slow

RETURNS = np.array([3.0, 9, 1, 10, 2, 4, 8, 6, 5, 7])


@pytest.mark.parametrize(
    ("value", "mode"),
    [(np.nan, mode) for mode in MODES] + [(np.inf, EAGER), (-np.inf, EAGER)],
)
def test_broken_trajectories_are_as_if_they_were_not_there(value, mode):
    data = make_trajectories(BOX, RETURNS)
    agents = [
        make_agent(BOX, elite_quantile=0.7, on_nonfinite="skip", mode=mode)
        for _ in range(2)
    ]
    expected = improve(agents[0], data)
    # Two more, of which one would be the best of all.
    more = make_trajectories(BOX, np.array([99.0, 0.0]), seed=1)
    more.rewards[:, 0] = value
    more.observations[:, 0] = value
    both = cem.Trajectories(
        *(np.concatenate(pair) for pair in zip(data, more, strict=True))
    )
    received = improve(agents[1], both)
    assert expected["num_nonfinite"] == 0
    assert received.pop("num_nonfinite") == 2
    assert received.pop("env_steps") == expected["env_steps"] + more.mask.sum()
    for name, number in received.items():
        assert number == pytest.approx(expected[name], rel=1e-6), name
    for first, second in zip(*map(learned_state, agents), strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_update_that_is_not_finite_is_skipped_and_counted(mode):
    agent = make_agent(
        BOX,
        optimizer=keras.optimizers.SGD(1e30, momentum=0.9),
        gradient_steps=3,
        on_nonfinite="skip",
        mode=mode,
    )
    before = learned_state(agent)
    logs = improve(agent, make_trajectories(BOX, RETURNS))
    assert logs["num_nonfinite"] == 1
    assert logs["loss"] == 0
    assert logs["num_elites"] == 2
    assert_equal(learned_state(agent), before)


def test_rewards_at_random_are_nan():
    def train(env, on_nonfinite):
        keras.utils.set_random_seed(0)
        agent = cem.CEMAgent(
            keras.Sequential([keras.layers.Dense(3)]),
            toy_envs.Seeded.action_space,
            on_nonfinite=on_nonfinite,
            seed=3,
        )
        agent.compile(keras.optimizers.Adam(0.1))
        history = agent.fit(
            env,
            batch_size=16,
            epochs=4,
            max_episode_steps=10,
            validation_data=env,
            verbose=0,
        )
        return agent, history.history

    make = functools.partial(toy_envs.Spoilt, "reward", np.nan)
    agent, history = train(make, "skip")
    assert min(history["num_nonfinite"]) > 0
    # One in four, but for those that end before.
    assert np.mean(history["num_nonfinite"]) < 8
    assert all(
        np.isfinite(np.array(values)).all() for values in history.values()
    )
    assert int(agent.optimizer.iterations) == 4
    with pytest.raises(RuntimeError, match="the reward is nan, not finite"):
        train(make, "raise")


def test_collect_marks_them_by_their_returns():
    agent = cem.CEMAgent.from_env(
        "ToySeeded-v0", hidden_units=(2,), on_nonfinite="skip", seed=0
    )
    played = agent.collect(
        functools.partial(toy_envs.Spoilt, "reset", np.nan),
        32,
        max_episode_steps=10,
    )
    assert 0 < np.isnan(played.returns).sum() < 16


@pytest.mark.parametrize("on_nonfinite", ["raise", "skip"])
def test_weights_that_would_become_infinite(on_nonfinite):
    agent = cem.CEMAgent(
        keras.layers.Dense(1, kernel_initializer="zeros"),
        toy_envs.Echo.action_space,
        epsilon=0.5,
        on_nonfinite=on_nonfinite,
        seed=0,
    )
    agent.compile(keras.optimizers.SGD(1e38), loss=_steep)

    def train():
        return agent.fit("ToyEcho-v0", batch_size=8, epochs=2, verbose=0)

    agent.evaluate("ToyEcho-v0", batch_size=1, verbose=0)
    before = agent.policy.get_weights()
    if on_nonfinite == "raise":
        with pytest.raises(
            RuntimeError,
            match="The weights or the optimizer's variables of iteration 1 "
            "would not be finite",
        ):
            train()
    else:
        assert train().history["num_nonfinite"] == [1, 1]
    assert_equal(agent.policy.get_weights(), before)


def _steep(actions, outputs):
    del actions
    return 1e6 * tf.reduce_mean(outputs, axis=-1)


@pytest.mark.parametrize("where", ["kernel", "momentum"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_fit_refuses_to_start_from_weights_that_are_not_finite(where, value):
    agent = cem.CEMAgent.from_env("ToySeeded-v0", hidden_units=(2,), seed=0)
    agent.compile(keras.optimizers.SGD(0.1, momentum=0.9))
    agent.optimizer.build(agent.trainable_variables)
    (variable, *_) = [
        variable
        for variable in [*agent.variables, *agent.optimizer.variables]
        if where in variable.path
    ]
    array = np.array(variable)
    array.flat[-1] = value
    variable.assign(array)
    with pytest.raises(
        ValueError,
        match="`fit` must start from finite weights. Received: NaN or "
        f"infinity in .*{where}",
    ):
        agent.fit("ToySeeded-v0", batch_size=2, verbose=0)


def test_choice_is_saved():
    agent = make_agent(BOX, on_nonfinite="skip")
    assert cem.CEMAgent.from_config(agent.get_config()).on_nonfinite == "skip"


def test_other_choice():
    with pytest.raises(
        ValueError,
        match=r"`on_nonfinite` must be one of \('raise', 'skip'\)\. "
        "Received: on_nonfinite='ignore'",
    ):
        make_agent(BOX, on_nonfinite="ignore")
