import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem
from keras_cem import spaces
from keras_cem.algorithm import gradient_steps
from tests import toy_envs  # noqa: F401 - registers them
from tests.helpers import (
    BOX,
    COMPILED,
    DISCRETE,
    EAGER,
    MODES,
    OBSERVATION,
    TRACED,
    assert_equal,
    differ,
    improve,
    learned_state,
    make_agent,
    make_policy,
    make_trajectories,
    policy_weights,
)

pytestmark = pytest.mark.slow

HEADS = pytest.mark.parametrize("action_space", [DISCRETE, BOX], ids=repr)
EAGER_AND_COMPILED = pytest.mark.parametrize(
    "mode", [EAGER, COMPILED], ids=["eager", "compiled"]
)
EAGER_AND_TRACED = pytest.mark.parametrize(
    "mode", [EAGER, TRACED], ids=["eager", "traced"]
)
# XLA compiles for seconds. What differs between modes shows with one head, and
# `test_eager_traced_and_compiled_updates_agree` compares them with both.
HEADS_AND_MODES = pytest.mark.parametrize(
    ("action_space", "mode"),
    [(DISCRETE, EAGER), (BOX, EAGER), (BOX, TRACED), (DISCRETE, COMPILED)],
    ids=["discrete", "box", "box-traced", "discrete-compiled"],
)

# Ten returns: the 0.8-quantile is 8.2, trajectories 2 and 7 exceed it.
RETURNS = np.array([1.0, 5, 9, 2, 7, 3, 8, 10, 4, 6])
ELITE = np.greater(RETURNS, np.quantile(RETURNS, 0.8))


# What the update should be, by loops over NumPy arrays


def _outputs(weights, observations):
    w, b, v, c = weights
    return np.tanh(observations @ w + b) @ v + c


def _pair_loss(space, outputs, action):
    if isinstance(space, spaces.Discrete):
        logits = outputs - outputs.max()
        return np.log(np.exp(logits).sum()) - logits[action - space.start]
    half = (space.high - space.low) / 2
    return np.sum(((outputs - action) / half) ** 2)


def _loss(weights, data, space, quantile=0.8, normalization="trajectory"):
    returns = [
        sum(r for r, real in zip(rewards, mask, strict=True) if real)
        for rewards, mask in zip(data.rewards, data.mask, strict=True)
    ]
    gamma_q = np.quantile(returns, quantile)
    losses, lengths = [], []
    for k, episode_return in enumerate(returns):
        if episode_return > gamma_q:
            lengths.append(data.mask[k].sum())
            for t in np.flatnonzero(data.mask[k]):
                outputs = _outputs(weights, data.observations[k, t])
                losses.append(_pair_loss(space, outputs, data.actions[k, t]))
    if normalization == "length":
        return np.dot(losses, np.repeat(1 / np.array(lengths), lengths)) / len(
            lengths
        )
    return sum(losses) / (
        len(lengths) if normalization == "trajectory" else len(losses)
    )


def _central_difference(function, weights, step=1e-6):
    """(f(w + h e_i) - f(w - h e_i)) / 2h for each entry i of each array."""
    weights = [np.array(w, np.float64) for w in weights]
    gradient = [np.zeros_like(w) for w in weights]
    for w, g in zip(weights, gradient, strict=True):
        for i in np.ndindex(*w.shape):
            middle = w[i]
            w[i] = middle + step
            above = function(weights)
            w[i] = middle - step
            below = function(weights)
            w[i] = middle
            g[i] = (above - below) / (2 * step)
    return gradient


def _momentum():
    """With slots, yet soon compiled."""
    return keras.optimizers.SGD(0.1, momentum=0.9)


# Elites


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.7, 0.8, 0.9])
def test_elite_threshold_equals_numpy_quantile(quantile):
    generator = np.random.default_rng(0)
    agent = make_agent(DISCRETE, elite_quantile=quantile)
    for size in (2, 3, 10, 11, 64):
        returns = generator.normal(0, 100, size)
        data = make_trajectories(DISCRETE, returns)
        logs = improve(agent, data)
        gamma_q = np.quantile(returns, quantile)
        assert logs["elite_threshold"] == pytest.approx(gamma_q, rel=1e-4)
        # Returns are sums, rounded: the threshold may tie with one of them.
        close = np.isclose(returns, gamma_q, rtol=1e-4)
        sure = np.sum((returns > gamma_q) & ~close)
        assert sure <= logs["num_elites"] <= sure + np.sum(close)


@EAGER_AND_TRACED
def test_logs_describe_the_trajectories(mode):
    data = make_trajectories(DISCRETE, RETURNS)
    agent = make_agent(DISCRETE, mode=mode, epsilon=0.25)
    logs = improve(agent, data)
    steps = int(data.mask.sum())
    assert logs == pytest.approx(
        {
            "loss": logs["loss"],
            "episode_return": RETURNS.mean(),
            "episode_return_max": 10.0,
            "episode_length": steps / 10,
            "elite_threshold": 8.2,
            "num_elites": 2.0,
            "epsilon": 0.25,
            "env_steps": steps,
            "env_restarts": 0,
            "num_nonfinite": 0,
        },
        rel=1e-5,
    )
    logs = improve(agent, data)
    assert logs["env_steps"] == 2 * steps
    assert int(agent.iteration) == 2


def _ties(returns, ties):
    agent = make_agent(DISCRETE, ties=ties)
    data = make_trajectories(DISCRETE, np.zeros(len(returns)), steps=1)
    # One step each, so that returns tie exactly.
    data = data._replace(rewards=np.array(returns, np.float32)[:, None])
    before = learned_state(agent)
    logs = improve(agent, data)
    assert differ(before, learned_state(agent)) == (logs["num_elites"] > 0)
    return logs["num_elites"]


@pytest.mark.parametrize(
    ("returns", "strict", "auto", "inclusive"),
    [
        ([1, 2, 3, 4, 5, 6], 1, 1, 2),  # q = 0.8: the fifth is the threshold
        ([500] * 6, 0, 0, 6),
        ([500] * 5 + [17], 0, 5, 5),
        ([17] * 5 + [500], 1, 1, 6),
        ([-0.1] * 4 + [-0.2] * 2, 0, 4, 4),
    ],
)
def test_ties_with_the_threshold(returns, strict, auto, inclusive):
    assert _ties(returns, "strict") == strict
    assert _ties(returns, "auto") == auto
    assert _ties(returns, "inclusive") == inclusive


@EAGER_AND_COMPILED
def test_without_elites_nothing_is_learned(mode):
    policy = keras.Sequential(
        [
            keras.Input(OBSERVATION.shape),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5, seed=3),
            keras.layers.Dense(4, kernel_regularizer="l2"),
        ]
    )
    agent = make_agent(DISCRETE, policy, optimizer=_momentum(), mode=mode)
    data = make_trajectories(DISCRETE, RETURNS)
    improve(agent, data)
    elite = data.observations[data.mask & ELITE[:, None]]
    np.testing.assert_allclose(
        policy.layers[0].moving_mean, 0.01 * elite.mean(axis=0), rtol=1e-4
    )
    before = learned_state(agent)
    equal = make_trajectories(DISCRETE, np.zeros(5), steps=1)
    equal = equal._replace(rewards=np.full((5, 1), 7.0, np.float32))
    logs = improve(agent, equal)
    assert logs["num_elites"] == 0.0
    assert logs["loss"] == 0.0
    assert logs["elite_threshold"] == logs["episode_return"] == 7.0
    assert_equal(learned_state(agent), before)
    assert int(agent.iteration) == 2


# Loss and gradient


@HEADS
@pytest.mark.parametrize("normalization", gradient_steps.NORMALIZATIONS)
def test_loss_equals_brute_force(action_space, normalization):
    for quantile in (0.3, 0.8):
        agent = make_agent(
            action_space,
            elite_quantile=quantile,
            loss_normalization=normalization,
        )
        data = make_trajectories(action_space, RETURNS)
        expected = _loss(
            policy_weights(agent), data, action_space, quantile, normalization
        )
        assert improve(agent, data)["loss"] == pytest.approx(expected, rel=1e-5)


@HEADS_AND_MODES
def test_gradient_equals_central_difference(action_space, mode):
    agent = make_agent(action_space, mode=mode)
    data = make_trajectories(action_space, RETURNS)
    before = policy_weights(agent)
    improve(agent, data)
    expected = _central_difference(
        lambda weights: _loss(weights, data, action_space), before
    )
    for old, new, gradient in zip(
        before, policy_weights(agent), expected, strict=True
    ):
        largest = np.abs(gradient).max()
        assert largest > 0.01
        # The step is -1 times the gradient.
        np.testing.assert_allclose(
            old - new, gradient, rtol=1e-3, atol=1e-4 * largest
        )


@pytest.mark.parametrize(
    ("loss", "function"),
    [
        ("mae", np.abs),
        (
            keras.losses.Huber(delta=0.3),
            lambda x: np.where(
                np.abs(x) < 0.3, x**2 / 2, 0.3 * np.abs(x) - 0.045
            ),
        ),
    ],
    ids=["mae", "huber"],
)
def test_loss_of_compile_is_taken_for_a_box(loss, function):
    agent = make_agent(BOX)
    agent.compile(keras.optimizers.SGD(1.0), loss=loss, run_eagerly=True)
    data = make_trajectories(BOX, RETURNS)
    half = (BOX.high - BOX.low) / 2
    real = data.mask & ELITE[:, None]
    outputs = _outputs(policy_weights(agent), data.observations[real])
    distances = (outputs - data.actions[real]) / half
    expected = function(distances).sum() / ELITE.sum()
    assert improve(agent, data)["loss"] == pytest.approx(expected, rel=1e-5)


def test_loss_of_compile_is_refused_for_discrete_actions():
    agent = make_agent(DISCRETE)
    agent.compile("sgd", loss="sparse_categorical_crossentropy")
    for verb in (agent.fit, agent.evaluate):
        with pytest.raises(ValueError, match="must be None for discrete") as e:
            verb("ToySeeded-v0")
        assert "loss='sparse_categorical_crossentropy'" in str(e.value)


class Charge(keras.layers.Layer):
    """Adds losses of its own."""

    def call(self, inputs):
        self.add_loss(tf.constant(0.5))
        self.add_loss(tf.constant(0.25))
        return inputs


@EAGER_AND_TRACED
def test_regularisation_is_added_once(mode):
    plain = make_agent(DISCRETE)
    policy = make_policy(
        DISCRETE, kernel_regularizer=keras.regularizers.L2(0.1)
    )
    first, last = policy.layers
    policy = keras.Sequential(
        [keras.Input(OBSERVATION.shape), first, Charge(), last]
    )
    agent = make_agent(DISCRETE, policy, mode=mode)
    kernels = first.kernel.numpy(), last.kernel.numpy()
    charged = 0.75 + sum(0.1 * np.sum(kernel**2) for kernel in kernels)
    data = make_trajectories(DISCRETE, RETURNS)
    assert improve(agent, data)["loss"] - charged == pytest.approx(
        improve(plain, data)["loss"], rel=1e-4
    )
    # Of 0.1 |w|^2 the gradient is 0.2 w.
    for kernel, got, without in zip(
        kernels, (first, last), plain.policy.layers, strict=True
    ):
        np.testing.assert_allclose(
            without.kernel.numpy() - got.kernel.numpy(),
            0.2 * kernel,
            rtol=1e-4,
            atol=1e-5,
        )


# What is not elite does not matter


def _spoil(data):
    """Garbage wherever a step is not real or not elite."""
    garbage = ~(data.mask & ELITE[:, None])
    observations = data.observations.copy()
    observations[garbage] = np.nan
    actions = data.actions.copy()
    actions[garbage] = -77
    rewards = np.where(data.mask, data.rewards, np.nan).astype(np.float32)
    return data._replace(
        observations=observations,
        actions=actions,
        rewards=rewards,
        terminated=~data.terminated,
    )


@HEADS_AND_MODES
def test_garbage_in_what_is_not_elite_changes_no_bit(action_space, mode):
    data = make_trajectories(action_space, RETURNS)
    agent = make_agent(
        action_space,
        optimizer=_momentum(),
        mode=mode,
    )
    variables = [*agent.variables, *agent.optimizer.variables]
    before = [np.copy(variable.numpy()) for variable in variables]
    results = []
    for batch in (data, _spoil(data)):
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        logs = improve(agent, batch)
        results.append((logs, learned_state(agent)))
    assert results[0][0] == results[1][0]
    assert_equal(results[0][1], results[1][1])


@HEADS
def test_eager_traced_and_compiled_updates_agree(action_space):
    batches = [
        make_trajectories(action_space, RETURNS, seed=seed) for seed in (0, 1)
    ]
    results = []
    for mode in MODES:
        policy = make_policy(
            action_space, kernel_regularizer=keras.regularizers.L2(0.1)
        )
        agent = make_agent(
            action_space,
            policy,
            optimizer=_momentum(),
            mode=mode,
            gradient_steps=3,
            minibatch_size=8,
        )
        logs = improve(agent, *batches)
        results.append((logs, policy_weights(agent)))
    for logs, weights in results[1:]:
        assert logs == pytest.approx(results[0][0], rel=1e-4)
        for got, expected in zip(weights, results[0][1], strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4)


@EAGER_AND_TRACED
def test_an_update_is_computed_on_the_elite_pairs_alone(mode):
    """At q = 0.9 there are fewer of them than at q = 0.5, and fewer to pay."""
    data = make_trajectories(DISCRETE, np.arange(40.0))
    for quantile, num_elites in ((0.5, 20), (0.9, 4)):
        seen = tf.Variable(0)

        class Count(keras.layers.Layer):
            def call(self, inputs, seen=seen):
                seen.assign(tf.shape(inputs)[0])
                return inputs

        policy = keras.Sequential(
            [keras.Input(OBSERVATION.shape), Count(), keras.layers.Dense(4)]
        )
        agent = make_agent(DISCRETE, policy, elite_quantile=quantile, mode=mode)
        improve(agent, data)
        assert int(seen) == data.mask[-num_elites:].sum()


# Seeds


def _trained(seed, action_space_env="ToySeeded-v0", **kwargs):
    agent = cem.CEMAgent.from_env(
        action_space_env,
        hidden_units=(4,),
        seed=seed,
        elite_quantile=0.5,
        **kwargs,
    )
    agent.compile(keras.optimizers.Adam(0.05), **EAGER)
    history = agent.fit(action_space_env, batch_size=6, epochs=2, verbose=0)
    return history.history, learned_state(agent)


def test_same_seed_same_weights_other_seed_other_weights():
    network = {"dropout": 0.2}
    (log_a, a), (log_b, b), (_, c) = (
        _trained(seed, gradient_steps=2, minibatch_size=5, network=network)
        for seed in (1, 1, 2)
    )
    assert log_a == log_b
    assert_equal(a, b)
    assert differ(a, c)


def test_seed_is_drawn_from_pythons_random_as_keras_does():
    seeds = []
    for _ in range(2):
        keras.utils.set_random_seed(5)
        agent = cem.CEMAgent(make_policy(DISCRETE), DISCRETE)
        other = cem.CEMAgent(make_policy(DISCRETE), DISCRETE)
        seeds.append((agent.seed, other.seed))
    assert seeds[0] == seeds[1]
    assert agent.seed != other.seed


# Dropout and batch normalisation


class Spy(keras.layers.Layer):
    """Notes with which `training` it is called."""

    def __init__(self, seen):
        super().__init__()
        # Past Keras, which would keep a list of its own.
        object.__setattr__(self, "seen", seen)

    def call(self, inputs, training=None):
        self.seen.append(training)
        return inputs


def _spied_agent(mode):
    seen = []
    policy = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(8, activation="tanh"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5, seed=1),
            Spy(seen),
            keras.layers.Dense(3),
        ]
    )
    agent = cem.CEMAgent(
        policy, spaces.Discrete(3), elite_quantile=0.5, epsilon=0.3, seed=0
    )
    agent.compile(keras.optimizers.Adam(0.01), **mode)
    return agent, seen


@EAGER_AND_TRACED
def test_training_is_true_in_the_update_alone(mode):
    agent, seen = _spied_agent(mode)
    agent.collect("ToySeeded-v0", 4, epsilon=0.5)
    agent.evaluate("ToySeeded-v0", batch_size=4, verbose=0)
    agent.act(np.zeros(2, np.float32))
    agent.predict(np.zeros((1, 2), np.float32), verbose=0)
    assert not any(seen)
    seen.clear()
    agent.fit("ToySeeded-v0", batch_size=4, verbose=0)
    assert any(seen)
    assert {bool(training) for training in seen} >= {True}


def test_playing_changes_no_statistics_and_is_deterministic():
    agent, _ = _spied_agent(TRACED)
    first = agent.collect("ToySeeded-v0", 6, epsilon=0.5)
    before = policy_weights(agent)
    again = agent.collect("ToySeeded-v0", 6, epsilon=0.5)
    assert_equal(tf.nest.flatten(first), tf.nest.flatten(again))
    scores = [
        agent.evaluate("ToySeeded-v0", batch_size=6, verbose=0)
        for _ in range(2)
    ]
    assert scores[0] == scores[1]
    assert_equal(policy_weights(agent), before)


@EAGER_AND_TRACED
def test_update_moves_statistics_of_batch_normalisation(mode):
    """The batch is the pairs of the elites: mean' = 0.9 mean + 0.1 batch's.

    `test_without_elites_nothing_is_learned` does so with XLA.
    """
    policy = keras.Sequential(
        [
            keras.Input(OBSERVATION.shape),
            keras.layers.BatchNormalization(momentum=0.9),
            keras.layers.Dense(4),
        ]
    )
    agent = make_agent(DISCRETE, policy, mode=mode)
    data = make_trajectories(DISCRETE, RETURNS)
    improve(agent, data)
    elite = data.observations[data.mask & ELITE[:, None]]
    normalization = policy.layers[0]
    np.testing.assert_allclose(
        normalization.moving_mean.numpy(), 0.1 * elite.mean(axis=0), rtol=1e-4
    )
    np.testing.assert_allclose(
        normalization.moving_variance.numpy(),
        0.9 + 0.1 * elite.var(axis=0),
        rtol=1e-4,
    )


# Several gradient steps


@pytest.mark.parametrize(
    ("minibatch_size", "mode"), [(None, EAGER), (4, EAGER), (4, TRACED)]
)
def test_gradient_steps_are_optimizer_steps(minibatch_size, mode):
    agent = make_agent(
        DISCRETE, gradient_steps=5, minibatch_size=minibatch_size, mode=mode
    )
    improve(agent, make_trajectories(DISCRETE, RETURNS))
    assert int(agent.optimizer.iterations) == 5
    assert int(agent.iteration) == 1


@HEADS
def test_gradient_steps_are_those_of_as_many_iterations(action_space):
    data = make_trajectories(action_space, RETURNS)
    optimizer = keras.optimizers.SGD
    many = make_agent(action_space, optimizer=optimizer(0.1), gradient_steps=3)
    single = make_agent(action_space, optimizer=optimizer(0.1))
    loss = improve(many, data)["loss"]
    losses = [improve(single, data)["loss"] for _ in range(3)]
    assert loss == pytest.approx(np.mean(losses), rel=1e-5)
    for a, b in zip(policy_weights(many), policy_weights(single), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@HEADS
@pytest.mark.parametrize("normalization", gradient_steps.NORMALIZATIONS)
@pytest.mark.parametrize("minibatch_size", [3, 1000])
def test_minibatch_weighs_as_all_pairs_do(
    action_space, normalization, minibatch_size
):
    """Where all pairs are alike, whichever are drawn."""
    data = make_trajectories(action_space, RETURNS)
    data.observations[:] = [0.5, -1.0, 2.0]
    data.actions[:] = data.actions[0, 0]
    results = []
    for size in (None, minibatch_size):
        agent = make_agent(
            action_space, loss_normalization=normalization, minibatch_size=size
        )
        logs = improve(agent, data)
        results.append((logs["loss"], policy_weights(agent)))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-5)
    for a, b in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_minibatches_differ_between_iterations_and_seeds():
    data = make_trajectories(DISCRETE, RETURNS, steps=100)

    def losses(seed):
        agent = make_agent(
            DISCRETE,
            optimizer=keras.optimizers.SGD(0.0),
            minibatch_size=3,
            seed=seed,
        )
        return [improve(agent, data)["loss"] for _ in range(3)]

    first = losses(0)
    assert len(set(first)) == 3
    assert first == losses(0)
    assert not set(first) & set(losses(1))


# Not finite


class Spoil(keras.layers.Layer):
    """Multiplies by NaN in the update, or lets infinite gradients through."""

    def __init__(self, spoiled, **kwargs):
        super().__init__(**kwargs)
        self.spoiled = spoiled

    def call(self, inputs, training=None):
        if not training:
            return inputs
        if self.spoiled == "loss":
            return inputs * np.nan
        return inputs + tf.sqrt(inputs - tf.stop_gradient(inputs))


@pytest.mark.parametrize(
    ("spoiled", "mode"),
    [("loss", EAGER), ("gradient", EAGER), ("gradient", TRACED)],
)
def test_loss_or_gradient_that_is_not_finite_is_withheld(spoiled, mode):
    policy = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(3),
            Spoil(spoiled),
        ]
    )
    agent = cem.CEMAgent(policy, spaces.Discrete(3), elite_quantile=0.5, seed=0)
    agent.compile(_momentum(), **mode)
    agent.evaluate("ToySeeded-v0", batch_size=2, verbose=0)
    agent.optimizer.build(agent.trainable_variables)
    before = learned_state(agent)
    with pytest.raises(
        RuntimeError, match=f"The {spoiled} of iteration 1 would not be finite"
    ):
        agent.fit("ToySeeded-v0", batch_size=4, epochs=3, verbose=0)
    assert_equal(learned_state(agent), before)
    # The agent can be used on.
    agent.evaluate("ToySeeded-v0", batch_size=2, verbose=0)


@EAGER_AND_TRACED
def test_all_gradient_steps_are_taken_back_if_one_is_not_finite(mode):
    """The first step is finite; it makes weights of which the loss is not."""
    agent = make_agent(
        BOX,
        optimizer=keras.optimizers.SGD(1e30, momentum=0.9),
        gradient_steps=3,
        mode=mode,
    )
    before = learned_state(agent)
    logs = improve(agent, make_trajectories(BOX, RETURNS))
    assert logs["num_nonfinite"] == 1
    assert_equal(learned_state(agent), before)


# Arrays


def test_fit_on_arrays_trains_discrete_actions():
    agent = make_agent(
        DISCRETE, optimizer=keras.optimizers.Adam(0.05), mode=TRACED
    )
    generator = np.random.default_rng(0)
    x = generator.normal(size=(64, 3)).astype(np.float32)
    y = DISCRETE.start + (x[:, 0] > 0) + 2 * (x[:, 1] > 0)
    outputs = _outputs(policy_weights(agent), x)
    expected = np.mean(
        [_pair_loss(DISCRETE, *pair) for pair in zip(outputs, y, strict=True)]
    )
    assert agent.evaluate(x, y, verbose=0) == pytest.approx(expected, rel=1e-5)
    history = agent.fit(x, y, batch_size=16, epochs=20, verbose=0)
    assert list(history.history) == ["loss"]
    assert history.history["loss"][-1] < 0.3 * history.history["loss"][0]
    predicted = DISCRETE.start + np.argmax(agent.predict(x, verbose=0), axis=1)
    assert np.mean(predicted == y) > 0.9
    assert int(agent.iteration) == int(agent.env_steps) == 0


def test_fit_on_arrays_trains_continuous_actions():
    agent = make_agent(BOX, optimizer=keras.optimizers.Adam(0.05), mode=TRACED)
    x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    y = np.stack([np.tanh(x[:, 0]), 3 + np.tanh(x[:, 1])], axis=1)
    outputs = _outputs(policy_weights(agent), x)
    expected = np.mean(
        [_pair_loss(BOX, *pair) for pair in zip(outputs, y, strict=True)]
    )
    assert agent.evaluate(x, y, verbose=0) == pytest.approx(expected, rel=1e-5)
    history = agent.fit(
        x, y, batch_size=16, epochs=20, verbose=0, validation_split=0.25
    )
    assert history.history["loss"][-1] < 0.1 * history.history["loss"][0]
    assert set(history.history) == {"loss", "val_loss"}


def test_fit_on_arrays_takes_sample_weights():
    agent = make_agent(DISCRETE)
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    y, weights = np.array([2, 3, 4, 5]), np.array([0.0, 1.0, 2.0, 0.5])
    outputs = _outputs(policy_weights(agent), x)
    losses = [
        _pair_loss(DISCRETE, *pair) for pair in zip(outputs, y, strict=True)
    ]
    got = agent.evaluate(x, y, sample_weight=weights, verbose=0)
    assert got == pytest.approx(np.mean(weights * losses), rel=1e-5)


def test_fit_on_arrays_takes_a_loss_and_metrics_of_compile():
    agent = make_agent(BOX)
    agent.compile("sgd", loss="mae", metrics=["mse"], run_eagerly=True)
    x = np.zeros((4, 3), np.float32)
    y = np.ones((4, 2), np.float32)
    distance = 1.0 - _outputs(policy_weights(agent), x)
    got = agent.evaluate(x, y, verbose=0, return_dict=True)
    assert got["loss"] == pytest.approx(np.mean(np.abs(distance)))
    assert got["mse"] == pytest.approx(np.mean(distance**2))


def test_fit_on_arrays_adds_regularisation():
    policy = make_policy(
        DISCRETE, kernel_regularizer=keras.regularizers.L2(0.1)
    )
    agent, plain = make_agent(DISCRETE, policy), make_agent(DISCRETE)
    x, y = np.zeros((4, 3), np.float32), np.full(4, 2)
    charged = sum(
        0.1 * np.sum(layer.kernel.numpy() ** 2) for layer in policy.layers
    )
    assert agent.evaluate(x, y, verbose=0) == pytest.approx(
        plain.evaluate(x, y, verbose=0) + charged, rel=1e-5
    )


# Policies of every kind


class Subclassed(keras.Model):
    """Makes its weights in the first call; knows nothing of `training`."""

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(size)

    def call(self, inputs):
        return self.dense(inputs)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Subclassed(3),
        lambda: keras.Sequential([keras.layers.Dense(3)]),
        lambda: keras.layers.Dense(3),
    ],
    ids=["subclassed", "sequential", "layer"],
)
def test_policy_that_is_not_built_is_built_by_the_first_environment(make):
    policy = make()
    agent = cem.CEMAgent(policy, spaces.Discrete(3), elite_quantile=0.5, seed=0)
    agent.compile("adam", run_eagerly=True)
    agent.fit("ToySeeded-v0", batch_size=4, verbose=0)
    assert [tuple(weight.shape) for weight in policy.weights] == [(2, 3), (3,)]
    assert agent.act(np.zeros(2, np.float32)) in (0, 1, 2)


@pytest.fixture
def dtype_policy(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize(
    ("dtype_policy", "mode", "action_space"),
    [
        ("mixed_bfloat16", EAGER, DISCRETE),
        ("mixed_bfloat16", EAGER, BOX),
        ("mixed_float16", EAGER, BOX),
        ("mixed_float16", COMPILED, DISCRETE),
        ("float64", EAGER, DISCRETE),
        ("float64", EAGER, BOX),
    ],
    indirect=["dtype_policy"],
    ids=str,
)
def test_other_precisions_learn(dtype_policy, mode, action_space):
    policy = make_policy(
        action_space, kernel_regularizer=keras.regularizers.L2(1e-4)
    )
    agent = make_agent(
        action_space,
        policy,
        optimizer=keras.optimizers.Adam(0.05),
        mode=mode,
        gradient_steps=3,
    )
    data = make_trajectories(action_space, RETURNS)
    losses = [improve(agent, data)["loss"] for _ in range(3)]
    assert np.all(np.isfinite(losses))
    assert losses[2] < losses[0]
    outputs = agent.predict(np.zeros((2, 3), np.float32), verbose=0)
    assert outputs.dtype == policy.compute_dtype
    assert action_space.to_gymnasium().contains(agent.act(np.zeros(3)))


@pytest.mark.usefixtures("dtype_policy")
@pytest.mark.parametrize("dtype_policy", ["mixed_float16"], indirect=True)
def test_overflow_in_float16_scales_the_loss_down_and_goes_on():
    """Keras starts at a scale of 2^15, which halves until nothing overflows."""
    policy = keras.Sequential(
        [keras.Input(OBSERVATION.shape), keras.layers.Dense(4)]
    )
    agent = make_agent(DISCRETE, policy, optimizer=keras.optimizers.Adam(0.01))
    data = make_trajectories(DISCRETE, RETURNS)
    data.observations[:] *= 10.0
    optimizer = agent.optimizer
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    before = policy_weights(agent)
    assert np.isfinite(improve(agent, data)["loss"])
    assert float(optimizer.dynamic_scale) == 2.0**14
    assert_equal(policy_weights(agent), before)
    improve(agent, *[data] * 9)
    assert differ(policy_weights(agent), before)


# Describing itself


def test_from_env_makes_the_default_network():
    agent = cem.CEMAgent.from_env(
        "CartPole-v1",
        hidden_units=(7, 5),
        activation="tanh",
        network={"l2": 0.01},
        ties="strict",
    )
    shapes = [tuple(variable.shape) for variable in agent.trainable_variables]
    assert shapes == [(4, 7), (7,), (7, 5), (5,), (5, 2), (2,)]
    assert len(agent.losses) == 3
    assert agent.ties == "strict"
    assert agent.observation_space.shape == (4,)
    assert agent.action_space == spaces.Discrete(2)


@pytest.mark.parametrize("seed", [3, None])
def test_from_env_seeds_the_weights(seed):
    agents = []
    for _ in range(2):
        keras.utils.set_random_seed(1)
        agents.append(cem.CEMAgent.from_env("CartPole-v1", seed=seed))
    assert agents[0].seed == agents[1].seed
    assert_equal(*(policy_weights(agent) for agent in agents))


def test_act_takes_one_observation_and_gives_one_action():
    for space in (DISCRETE, BOX):
        agent = make_agent(space)
        observation = np.array([0.3, -1.0, 2.0], np.float32)
        action = agent.act(observation)
        assert action in space.to_gymnasium()
        outputs = _outputs(policy_weights(agent), observation)
        expected = (
            space.start + np.argmax(outputs)
            if space is DISCRETE
            else np.clip(outputs, space.low, space.high)
        )
        np.testing.assert_allclose(action, expected, rtol=1e-5)


def test_act_explores_if_asked():
    agent = make_agent(DISCRETE)
    observation = np.zeros(3, np.float32)
    actions = [int(agent.act(observation, epsilon=1.0)) for _ in range(40)]
    assert set(actions) == {2, 3, 4, 5}
    assert len({int(agent.act(observation)) for _ in range(5)}) == 1
    again = make_agent(DISCRETE)
    assert actions == [
        int(again.act(observation, epsilon=1.0)) for _ in actions
    ]
