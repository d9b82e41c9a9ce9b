"""Elite steps against their definition, and against whole episodes."""

from typing import Any, NamedTuple

import gymnasium
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem
from keras_cem.agent import critics
from keras_cem.algorithm import critic
from tests.helpers import (
    BOX,
    COMPILED,
    DISCRETE,
    EAGER,
    OBSERVATION,
    TRACED,
    improve,
    make_agent,
    make_trajectories,
    policy_weights,
)

EACH_MODE = pytest.mark.parametrize(
    "mode",
    [
        EAGER,
        pytest.param(TRACED, marks=pytest.mark.slow),
        pytest.param(COMPILED, marks=pytest.mark.slow),
    ],
    ids=["eager", "traced", "compiled"],
)
GAMMA, LAMBDA, QUANTILE = 0.9, 0.8, 0.6


def make_critic(seed=3):
    """Observations to one random number."""
    return keras.Sequential(
        [
            keras.Input(OBSERVATION.shape),
            keras.layers.Dense(
                4,
                activation="tanh",
                kernel_initializer=keras.initializers.GlorotUniform(seed),
            ),
            keras.layers.Dense(
                1, kernel_initializer=keras.initializers.GlorotUniform(seed)
            ),
        ]
    )


def make_batch(action_space, size=9):
    """Random episodes, some truncated, with their last observations."""
    generator = np.random.default_rng(5)
    batch = make_trajectories(action_space, generator.normal(size=size))
    assert 0 < batch.terminated.sum() < size
    final = generator.normal(size=(size, *OBSERVATION.shape))
    return batch._replace(final_observations=final.astype(np.float32))


def advantages_by_hand(agent, batch):
    """(K, T) advantages, one episode after another."""

    def value(observations):
        return np.asarray(agent.critic(observations), np.float64)[..., 0]

    found = np.full(batch.mask.shape, np.nan)
    for k, length in enumerate(batch.lengths):
        values = value(batch.observations[k])
        following = 0.0
        if not batch.terminated[k]:
            following = value(batch.final_observations[k : k + 1])[0]
        advantage = 0.0
        for t in reversed(range(length)):
            delta = batch.rewards[k, t] + GAMMA * following - values[t]
            advantage = delta + GAMMA * LAMBDA * advantage
            found[k, t], following = advantage, values[t]
    return found


def make_step_agent(action_space, mode, **kwargs):
    agent = make_agent(
        action_space,
        mode=mode,
        **{
            "elite_unit": "step",
            "critic": make_critic(),
            "elite_quantile": QUANTILE,
            "discount": GAMMA,
            "gae_lambda": LAMBDA,
            "gradient_steps": 1,
            **kwargs,
        },
    )
    critics.build_optimizers(agent)
    return agent


# XLA compiles for seconds; what differs between modes shows with one head.
@pytest.mark.parametrize(
    ("space", "mode"),
    [
        (DISCRETE, EAGER),
        (BOX, EAGER),
        pytest.param(BOX, TRACED, marks=pytest.mark.slow),
        pytest.param(DISCRETE, COMPILED, marks=pytest.mark.slow),
    ],
    ids=["discrete", "box", "box-traced", "discrete-compiled"],
)
def test_steps_above_the_quantile_of_advantages_are_imitated(space, mode):
    agent, batch = make_step_agent(space, mode), make_batch(space)
    advantages = advantages_by_hand(agent, batch)
    threshold = np.nanquantile(advantages, QUANTILE)
    elite = advantages > threshold
    # The gradient of the mean loss over the elite steps, by differences.
    variables = agent.policy.trainable_variables
    before = [variable.numpy() for variable in variables]

    def loss():
        outputs = agent.policy(batch.observations[elite])
        losses = agent.head.loss(outputs, batch.actions[elite])
        return float(tf.reduce_mean(losses))

    expected_loss, size = loss(), 1e-2
    gradients = []
    for variable, value in zip(variables, before, strict=True):
        gradient = np.zeros(value.shape)
        for place in np.ndindex(value.shape):
            sides = []
            for sign in (1, -1):
                moved = value.copy()
                moved[place] += sign * size
                variable.assign(moved)
                sides.append(loss())
            gradient[place] = (sides[0] - sides[1]) / (2 * size)
        variable.assign(value)
        gradients.append(gradient)
    logs = improve(agent, batch)
    assert logs["num_elites"] == elite.sum()
    assert logs["elite_threshold"] == pytest.approx(threshold, rel=1e-4)
    assert logs["loss"] == pytest.approx(expected_loss, rel=1e-4)
    for variable, value, gradient in zip(
        variables, before, gradients, strict=True
    ):
        np.testing.assert_allclose(
            value - variable.numpy(), gradient, atol=2e-3, rtol=2e-2
        )


@EACH_MODE
def test_critic_learns_the_scaled_lambda_returns_of_all_steps(mode):
    batch = make_batch(DISCRETE)
    # All steps in one minibatch, one epoch: one step of gradient descent.
    agent = make_step_agent(
        DISCRETE, mode, critic_epochs=1, minibatch_size=1000
    )
    advantages = advantages_by_hand(agent, batch)
    mask = batch.mask
    observations = batch.observations[mask]
    values = np.asarray(agent.critic(observations))[:, 0]
    returns = advantages[mask] + values
    scale = np.sqrt(returns.var() + (0.1 * returns.mean()) ** 2)
    with tf.GradientTape() as tape:
        errors = agent.critic(observations)[:, 0] - returns / scale
        loss = tf.reduce_mean(tf.square(errors))
    variables = agent.critic.trainable_variables
    gradients = tape.gradient(loss, [each.value for each in variables])
    expected = [
        each.numpy() - gradient.numpy()
        for each, gradient in zip(variables, gradients, strict=True)
    ]
    logs = improve(agent, batch)
    assert logs["critic_loss"] == pytest.approx(float(loss), rel=1e-4)
    explained = 1 - advantages[mask].var() / returns.var()
    assert logs["explained_variance"] == pytest.approx(explained, rel=1e-3)
    for variable, value in zip(variables, expected, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, atol=1e-5)
    assert float(critic.return_scale(agent)) == pytest.approx(scale, rel=1e-4)


def zeros():
    return keras.Sequential(
        [keras.Input(OBSERVATION.shape), keras.layers.Dense(1, "linear")]
    )


# With XLA, both are compared with the formula above and in cem_agent_test.py.
@pytest.mark.slow
@pytest.mark.parametrize("mode", [EAGER, TRACED], ids=["eager", "traced"])
def test_one_step_episodes_without_values_are_ranked_like_whole_ones(mode):
    generator = np.random.default_rng(1)
    batches = []
    for _ in range(3):
        batch = make_trajectories(DISCRETE, generator.normal(size=20), steps=1)
        batches.append(
            batch._replace(final_observations=batch.observations[:, 0])
        )
    options = {"elite_quantile": 0.75, "gradient_steps": 3, "discount": 1.0}
    whole = make_agent(DISCRETE, mode=mode, **options)
    value = zeros()
    value.set_weights([np.zeros((3, 1)), np.zeros(1)])
    step = make_agent(
        DISCRETE,
        mode=mode,
        elite_unit="step",
        critic=value,
        gae_lambda=1.0,
        **options,
    )
    # The critic stays 0.
    step.compile(
        keras.optimizers.SGD(1.0),
        critic_optimizer=keras.optimizers.SGD(0.0),
        **mode,
    )
    critics.build_optimizers(step)
    for batch in batches:
        logs, expected = improve(step, batch), improve(whole, batch)
        for name in ("elite_threshold", "num_elites", "loss"):
            assert logs[name] == expected[name], name
        for one, other in zip(
            policy_weights(step), policy_weights(whole), strict=True
        ):
            np.testing.assert_array_equal(one, other)


class Endless(gymnasium.Env):
    """Rewards 1 forever."""

    observation_space = gymnasium.spaces.Box(0.0, 1.0, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.ones(1, np.float32), {}

    def step(self, action):
        return np.ones(1, np.float32), 1.0, False, False, {}


class Observed(NamedTuple):
    """The only state."""

    one: Any


class EndlessInGraph(cem.envs.Environment):
    """The same in the graph."""

    id = "Endless"
    max_episode_steps = 5
    observation_space = cem.spaces.Box(0.0, 1.0, (1,))
    action_space = cem.spaces.Discrete(2)

    def initial(self, seeds):
        return Observed(tf.ones(tf.shape(seeds[0])))

    def transition(self, state, actions, seeds):
        over = tf.zeros_like(seeds[0], tf.bool)
        return state, state.one, over

    def observe(self, state):
        return state.one[:, tf.newaxis]


@pytest.mark.slow
@pytest.mark.parametrize("env", [Endless, EndlessInGraph()], ids=str)
def test_what_follows_a_truncation_counts(env):
    """Each state is worth 1 / (1 - 0.9) = 10; cut off, at most 4.1."""
    agent = cem.CEMAgent.from_env(
        env,
        hidden_units=(),
        elite_unit="step",
        discount=0.9,
        critic_epochs=20,
        ties="inclusive",
        seed=0,
    )
    agent.compile(
        keras.optimizers.SGD(0.1), critic_optimizer=keras.optimizers.SGD(0.1)
    )
    agent.fit(env, batch_size=8, epochs=40, max_episode_steps=5, verbose=0)
    value = agent.critic(np.ones((1, 1), np.float32))
    worth = float(critic.return_scale(agent) * value[0, 0])
    assert worth == pytest.approx(10.0, abs=0.5)


class TwoChoices(gymnasium.Env):
    """The first choice matters much, the second little; 1 is right in both."""

    observation_space = gymnasium.spaces.Box(0.0, 1.0, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._steps = 0
        return np.eye(2, dtype=np.float32)[0], {}

    def step(self, action):
        self._steps += 1
        reward = (10.0 if self._steps == 1 else 1.0) * float(action)
        observation = np.eye(2, dtype=np.float32)[1]
        return observation, reward, self._steps == 2, False, {}


def preferences_learned(**options):
    """How much one iteration raises action 1 over 0, for both choices."""
    agent = cem.CEMAgent.from_env(
        TwoChoices,
        hidden_units=(),
        # Both actions are equally likely at first.
        network={"kernel_initializer": "zeros"},
        elite_quantile=0.5,
        epsilon=1.0,
        discount=1.0,
        gradient_steps=1,
        seed=0,
        **options,
    )
    agent.compile(keras.optimizers.SGD(1e-3))
    if agent.critic is not None:
        agent.compile(
            keras.optimizers.SGD(1e-3),
            critic_optimizer=keras.optimizers.Adam(0.02),
        )

    def preference():
        # Of each observation alone, without the bias that both share.
        kernel = agent.policy.get_weights()[0]
        return kernel[:, 1] - kernel[:, 0]

    arguments = {"batch_size": 200, "max_episode_steps": 3, "verbose": 0}
    # The critic learns, the policy hardly moves.
    agent.fit(TwoChoices, epochs=10, **arguments)
    before = preference()
    agent.fit(TwoChoices, epochs=1, **arguments)
    return preference() - before


@pytest.mark.slow
def test_a_bad_step_of_a_good_episode_is_not_imitated():
    # Half of the episodes begin well, and all of them are elite: their second
    # steps are good or bad alike, and imitating them teaches nothing. With
    # steps the good second choice is elite and the bad one is not.
    whole = preferences_learned()
    step = preferences_learned(elite_unit="step")
    assert whole[0] > 0
    assert step[0] > 0
    assert abs(whole[1]) < 0.25 * whole[0]
    assert step[1] > 0.5 * step[0]


@pytest.mark.parametrize("unit", ["trajectory", "step"])
def test_a_bad_pull_of_the_best_episode_of_a_bandit(unit):
    # Only arm 3 pays, and one of four episodes is elite: the first.
    arms = np.array([[3, 3, 2], [3, 2, 2], [4, 5, 2], [5, 4, 2]])
    batch = cem.Trajectories(
        observations=np.ones((*arms.shape, *OBSERVATION.shape), np.float32),
        actions=arms,
        rewards=(arms == 3).astype(np.float32),
        mask=np.ones(arms.shape, bool),
        terminated=np.ones(len(arms), bool),
        final_observations=np.ones((len(arms), *OBSERVATION.shape), np.float32),
    )
    equal = keras.layers.Dense(4, kernel_initializer="zeros")
    policy = keras.Sequential([keras.Input(OBSERVATION.shape), equal])
    options = {"elite_quantile": 0.75, "gradient_steps": 1}
    if unit == "step":
        options |= {"critic": make_critic(), "gae_lambda": 0.0}
    agent = make_agent(
        DISCRETE,
        policy,
        optimizer=keras.optimizers.SGD(0.01),
        elite_unit=unit,
        **options,
    )
    if agent.critic is not None:
        # V = 0, so that the advantage of a pull is what it pays.
        agent.critic.set_weights([0 * w for w in agent.critic.get_weights()])
        critics.build_optimizers(agent)
    logs = improve(agent, batch)
    assert logs["num_elites"] == (3 if unit == "step" else 1)
    chances = tf.nn.softmax(agent.policy(batch.observations[0, :1])).numpy()[0]
    bad, good = chances[:2]
    assert good > 0.25
    assert (bad < 0.25) == (unit == "step")
