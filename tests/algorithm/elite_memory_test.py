"""What is remembered, against lists of Python."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem
from keras_cem import spaces
from keras_cem.algorithm.elite_memory import EliteMemory
from keras_cem.algorithm.iteration import iterate
from keras_cem.engines.trajectories import Trajectories
from tests import toy_envs  # noqa: F401 - registers them
from tests.helpers import (
    BOX,
    COMPILED,
    DISCRETE,
    EAGER,
    OBSERVATION,
    TRACED,
    assert_equal,
    improve,
    learned_state,
    make_agent,
    make_trajectories,
    policy_weights,
)

pytestmark = pytest.mark.slow

STEPS = 6
QUANTILE = 0.6
YES = tf.constant(True)


def _batches(action_space, count=6, size=5):
    """Batches whose returns rise and fall, with ties among them."""
    generator = np.random.default_rng(1)
    return [
        make_trajectories(
            action_space,
            # Whole numbers in one step each, so that returns tie exactly.
            generator.integers(0, 6, size).astype(float),
            steps=STEPS,
            seed=seed,
        )
        for seed in range(count)
    ]


def _exact(batch):
    """With rewards whose sums are exact: the return, then nothing."""
    returns = np.round(batch.returns)
    rewards = np.zeros_like(batch.rewards)
    rewards[:, 0] = returns
    return batch._replace(rewards=rewards)


class Expected:
    """The memory's rule, written with lists of (return, born, number)."""

    def __init__(self, size, age):
        self.size, self.age, self.held = size, age, []

    def step(self, iteration, returns):
        """Returns threshold and elites of all candidates."""
        alive = [
            item
            for item in self.held
            if self.age is None or iteration - item[1] <= self.age
        ]
        fresh = [
            (episode_return, iteration, number)
            for number, episode_return in enumerate(returns)
        ]
        everyone = [*fresh, *alive]
        values = np.array([item[0] for item in everyone], np.float64)
        gamma_q = np.quantile(values, QUANTILE)
        elite = values > gamma_q
        if not elite.any() and np.ptp(values) > 0:
            elite = values >= gamma_q
        elites = [e for e, good in zip(everyone, elite, strict=True) if good]
        kept = [item for item in elites if item[1] == iteration]
        kept += [
            item
            for item in alive
            if self.age is None or iteration + 1 - item[1] <= self.age
        ]
        # Python's sort keeps the order of equals: fresh ones come first.
        self.held = sorted(kept, key=lambda item: -item[0])[: self.size]
        return gamma_q, elites


def _pair_losses(weights, batch, number, space):
    w, b, v, c = weights
    real = batch.mask[number]
    outputs = np.tanh(batch.observations[number, real] @ w + b) @ v + c
    actions = batch.actions[number, real]
    if isinstance(space, spaces.Discrete):
        top = outputs.max(axis=1, keepdims=True)
        normaliser = np.log(np.exp(outputs - top).sum(axis=1)) + top[:, 0]
        chosen = outputs[np.arange(len(actions)), actions - space.start]
        return np.sum(normaliser - chosen)
    half = (space.high - space.low) / 2
    return np.sum(((outputs - actions) / half) ** 2)


@pytest.mark.parametrize(("size", "age"), [(3, None), (4, 2), (100, 1), (1, 3)])
@pytest.mark.parametrize(
    ("action_space", "mode"),
    [(DISCRETE, EAGER), (BOX, EAGER), (DISCRETE, COMPILED)],
    ids=["discrete", "box", "discrete-compiled"],
)
def test_elites_and_loss_equal_brute_force(size, age, action_space, mode):
    if mode is COMPILED and (size, age) != (4, 2):
        # XLA compiles for seconds; one size shows it.
        mode = EAGER
    agent = make_agent(
        action_space,
        optimizer=keras.optimizers.SGD(0.01),
        mode=mode,
        elite_quantile=QUANTILE,
        elite_memory=size,
        elite_memory_age=age,
    )
    agent.memory.prepare(OBSERVATION, action_space, STEPS)
    expected = Expected(size, age)
    batches = [_exact(batch) for batch in _batches(action_space)]
    remembered = 0
    for iteration, batch in enumerate(batches):
        weights = policy_weights(agent)
        logs = improve(agent, batch)
        gamma_q, elites = expected.step(iteration, batch.returns)
        assert logs["elite_threshold"] == pytest.approx(gamma_q, abs=1e-6)
        assert logs["num_elites"] == len(elites)
        loss = sum(
            _pair_losses(weights, batches[born], number, action_space)
            for _, born, number in elites
        ) / len(elites)
        assert logs["loss"] == pytest.approx(loss, rel=1e-4)
        assert agent.memory.num_held == len(expected.held)
        remembered += sum(born < iteration for _, born, _ in elites)
    assert remembered > 0


def test_nothing_is_forgotten_where_nothing_is_elite():
    agent = make_agent(DISCRETE, elite_memory=5)
    agent.memory.prepare(OBSERVATION, DISCRETE, STEPS)
    improve(agent, _exact(make_trajectories(DISCRETE, np.arange(5.0))))
    held = agent.memory.num_held
    assert held == 1
    before = policy_weights(agent)
    # All equal to what is remembered: nothing differs, nothing is learned.
    logs = improve(agent, _exact(make_trajectories(DISCRETE, np.full(5, 4.0))))
    assert logs["num_elites"] == 0
    assert agent.memory.num_held == held
    assert_equal(policy_weights(agent), before)


def test_loss_that_is_not_finite_leaves_the_memory_as_it_is():
    agent = make_agent(DISCRETE, elite_memory=5)
    agent.memory.prepare(OBSERVATION, DISCRETE, STEPS)
    improve(agent, _exact(make_trajectories(DISCRETE, np.arange(5.0))))
    before = agent.memory._held()
    batch = _exact(make_trajectories(DISCRETE, np.arange(5.0) + 9))
    spoiled = batch._replace(
        observations=np.full_like(batch.observations, np.nan)
    )
    spoiled = tf.nest.map_structure(tf.convert_to_tensor, spoiled)
    iterate(agent, lambda: spoiled)
    after = agent.memory._held()
    assert before.keys() == after.keys()
    for name, array in before.items():
        np.testing.assert_array_equal(after[name], array)


def test_memory_grows_with_the_episodes():
    memory = EliteMemory(3)
    assert memory.prepare(OBSERVATION, DISCRETE, 4)
    assert not memory.prepare(OBSERVATION, DISCRETE, 3)
    batch = make_trajectories(DISCRETE, [1.0, 3.0, 2.0], steps=4)
    batch = tf.nest.map_structure(tf.convert_to_tensor, batch)
    everyone = tf.constant([True] * 3)
    memory.update(batch, batch.returns, everyone, tf.constant(0, tf.int64), YES)
    before = memory._held()
    assert memory.prepare(OBSERVATION, DISCRETE, 9)
    assert memory.num_steps == 3 * 9
    for name, array in memory._held().items():
        np.testing.assert_array_equal(array, before[name])
    np.testing.assert_array_equal(
        memory.lengths, np.take(batch.lengths, [1, 2, 0])
    )


def test_what_is_saved_is_what_is_held():
    memory, store = EliteMemory(5), {}
    memory.save_own_variables(store)
    assert {name: array.size for name, array in store.items()} == {
        "lengths": 0,
        "returns": 0,
        "born": 0,
    }
    memory.prepare(OBSERVATION, DISCRETE, 50)
    batch = make_trajectories(DISCRETE, [1.0, 3.0, 2.0], steps=4)
    batch = tf.nest.map_structure(tf.convert_to_tensor, batch)
    elite = tf.constant([False, True, True])
    memory.update(batch, batch.returns, elite, tf.constant(7, tf.int64), YES)
    memory.save_own_variables(store)
    longest = int(max(batch.lengths[1], batch.lengths[2]))
    assert store["leaf_0"].shape == (2, longest, 3)
    assert store["leaf_1"].shape == (2, longest)
    assert store["born"].tolist() == [7, 7]
    smaller = EliteMemory(1)
    smaller.load_own_variables(store)
    assert smaller.num_held == 1
    assert float(smaller._returns.numpy()[0]) == pytest.approx(3.0)


# Resume equals uninterrupted


def _agent(env, **mode):
    agent = cem.CEMAgent.from_env(
        env,
        hidden_units=(4,),
        elite_quantile=0.5,
        elite_memory=4,
        elite_memory_age=3,
        discount=0.9,
        normalize_observations=True,
        seed=3,
    )
    agent.compile(keras.optimizers.Adam(0.01), **mode)
    return agent


def _fit(agent, env, engine, epochs, initial_epoch=0, steps=1):
    return agent.fit(
        env,
        batch_size=6,
        epochs=epochs,
        initial_epoch=initial_epoch,
        steps_per_epoch=steps,
        max_episode_steps=40,
        engine=engine,
        callbacks=[cem.callbacks.EpsilonDecay()],
        verbose=0,
    ).history


def _state(agent):
    held = agent.memory._held()
    return [*learned_state(agent), *(held[name] for name in sorted(held))]


@pytest.mark.parametrize(
    ("env", "engine", "mode"),
    [("ToySeeded-v0", "host", EAGER), ("CartPole-v1", "graph", TRACED)],
    ids=["host", "graph"],
)
def test_going_on_after_a_reload_equals_going_on(env, engine, mode, tmp_path):
    whole = _agent(env, **mode)
    expected = _fit(whole, env, engine, epochs=4)
    halves = _agent(env, **mode)
    first = _fit(halves, env, engine, epochs=2)
    halves.save(tmp_path / "agent.keras")
    again = keras.saving.load_model(tmp_path / "agent.keras")
    assert again.memory.num_held == halves.memory.num_held > 0
    second = _fit(again, env, engine, epochs=4, initial_epoch=2)
    assert {key: first[key] + second[key] for key in first} == expected
    assert_equal(_state(again), _state(whole))


def test_iterations_of_one_execution_remember_alike():
    results = []
    for steps_per_execution in (1, 4):
        agent = _agent(
            "CartPole-v1", steps_per_execution=steps_per_execution, **TRACED
        )
        _fit(agent, "CartPole-v1", "graph", epochs=1, steps=4)
        results.append(_state(agent))
    assert_equal(*results)


def test_int32_is_held_as_int64_and_given_back_as_it_was():
    """XLA does not reach an int32 variable from a GPU."""
    memory = EliteMemory(2)
    seen = spaces.Box(0, 9, (3,), "int32")
    memory.prepare(seen, spaces.Discrete(5, dtype="int32"), 4)
    assert tf.int32 not in [variable.dtype for variable in memory.buffers]
    fresh = Trajectories(
        observations=tf.reshape(tf.range(24), (2, 4, 3)) % 10,
        actions=tf.constant([[1, 2, 3, 4], [4, 3, 0, 0]]),
        rewards=tf.zeros((2, 4)),
        mask=tf.sequence_mask([4, 2], 4),
        terminated=tf.constant([True, True]),
    )
    memory.update(
        fresh,
        tf.constant([1.0, 2.0]),
        tf.constant([True, True]),
        tf.constant(0, tf.int64),
        tf.constant(True),
    )
    assert memory.lengths.dtype == tf.int32
    assert memory.lengths.numpy().tolist() == [2, 4]
    observations, actions = memory.gather(tf.constant([0]), tf.constant([1]))
    assert observations.dtype == actions.dtype == tf.int32
    assert observations.numpy().tolist() == [[5, 6, 7]]
    assert actions.numpy().tolist() == [3]
    store = {}
    memory.save_own_variables(store)
    dtypes = {name: array.dtype.name for name, array in store.items()}
    assert dtypes == {
        "lengths": "int32",
        "returns": "float32",
        "born": "int64",
        "leaf_0": "int32",
        "leaf_1": "int32",
    }
