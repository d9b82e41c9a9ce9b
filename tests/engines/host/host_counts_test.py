"""Counts of steps that do not fit in 32 bits, and what no machine can hold."""

import gymnasium
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem
from keras_cem.engines import pairs
from keras_cem.engines.host import step_storage
from keras_cem.engines.host.step_storage import padded_steps
from keras_cem.utils import devices

pytestmark = pytest.mark.slow


class Countdown(gymnasium.Env):
    """Episodes of as many steps as its `lengths` say, one after the other."""

    observation_space = gymnasium.spaces.Box(0, 2**16, (1,), np.float32)
    action_space = gymnasium.spaces.MultiBinary(1)

    def __init__(self, lengths):
        self._lengths = iter(lengths)

    def reset(self, *, seed=None, options=None):
        self._step, self._length = 0, next(self._lengths)
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self._step += 1
        observation = np.full(1, self._step, np.float32)
        return observation, 1.0, self._step == self._length, False, {}


def collect(lengths, limit):
    env = Countdown(lengths)
    agent = cem.CEMAgent.from_env(env, hidden_units=(), seed=0)
    return agent.collect(env, len(lengths), max_episode_steps=limit)


def check(played, lengths):
    np.testing.assert_array_equal(played.lengths, lengths)
    np.testing.assert_array_equal(played.returns, lengths)
    for k, length in enumerate(lengths):
        np.testing.assert_array_equal(
            played.observations[k, :length, 0], np.arange(length)
        )
        assert played.mask[k].sum() == length
        # Nothing is written past the end.
        assert not played.rewards[k, length:].any()


def test_rows_past_2_to_the_31_are_where_they_belong():
    """3 x 2**30 rows do not fit in int32, as a limit or as a batch."""
    played = collect([3, 3, 3], 2**30)
    assert played.mask.shape == (3, 256)
    check(played, [3, 3, 3])


def test_rows_are_numbered_in_64_bits():
    storage = step_storage.StepStorage.__new__(step_storage.StepStorage)
    storage.steps = 2**24
    rows = storage.rows(np.array([0, 1, 255], np.int32))
    np.testing.assert_array_equal(rows, [0, 2**24, 255 * 2**24])


@pytest.mark.parametrize(
    ("lengths", "padded"),
    [
        ([1, 1], 256),
        ([256, 3], 256),
        ([1, 257, 2], 512),
        ([5, 700, 300], 1024),
        ([4999, 1], 5000),
    ],
)
def test_memory_follows_the_longest_episode_not_the_limit(lengths, padded):
    played = collect(lengths, 5000)
    assert played.observations.shape == (len(lengths), padded, 1)
    assert played.mask.shape == played.rewards.shape == (len(lengths), padded)
    check(played, lengths)


def test_padding_depends_on_lengths_however_large_the_limit():
    one, other = (collect([300, 4], limit) for limit in (5000, 10**12))
    tf.nest.map_structure(np.testing.assert_array_equal, one, other)


@pytest.mark.parametrize("limit", [1, 7, 500, 4096])
def test_small_limits_have_one_shape(limit):
    assert {padded_steps(n, limit) for n in range(limit + 1)} == {limit}


@pytest.mark.parametrize("limit", [4097, 10**7])
def test_large_limits_have_few_shapes(limit):
    lengths = np.unique(np.geomspace(1, limit, 5000).astype(int)).tolist()
    shapes = [padded_steps(length, limit) for length in lengths]
    assert all(s >= n for s, n in zip(shapes, lengths, strict=True))
    assert all(
        s <= max(256, 2 * n) for s, n in zip(shapes, lengths, strict=True)
    )
    assert len(set(shapes)) <= np.log2(limit / 256) + 2
    assert shapes[-1] == limit


def test_a_batch_that_no_machine_holds_is_refused_before_the_first_step():
    def refuse():
        raise AssertionError("stepped")

    env = Countdown([3])
    env.reset = env.step = refuse
    agent = cem.CEMAgent.from_env(Countdown([3]), hidden_units=(), seed=0)
    with pytest.raises(
        ValueError,
        match=r"must fit in memory\. Received: batch_size=10000000000000, "
        r"max_episode_steps=100, .* trajectories of 100 steps take about",
    ):
        agent.collect(env, 10**13, max_episode_steps=100)


def test_what_elite_steps_keep_is_counted(monkeypatch):
    # Rows of 4 + 1 + 4 + 1 bytes; values, advantages and targets besides.
    memory = 10 * 2 * 100
    monkeypatch.setattr(devices, "host_memory", lambda: memory)
    options = {"epochs": 1, "batch_size": 2, "max_episode_steps": 100}
    for unit in ("trajectory", "step"):
        agent = cem.CEMAgent.from_env(
            Countdown([3]), hidden_units=(), seed=0, elite_unit=unit
        )
        agent.compile(jit_compile=False)
        if unit == "trajectory":
            agent.fit(Countdown([3, 3]), verbose=0, **options)
            continue
        with pytest.raises(ValueError, match=r"must fit in memory.*of 100 st"):
            agent.fit(Countdown([3]), **options)
        assert int(agent.env_steps) == 0


def test_episodes_that_no_machine_holds_are_refused_while_they_are_played(
    monkeypatch,
):
    # Rows of 4 + 1 + 4 + 1 bytes: two trajectories of 512 steps.
    monkeypatch.setattr(devices, "host_memory", lambda: 10 * 2 * 512)
    check(collect([300, 512], 10**12), [300, 512])
    with pytest.raises(
        ValueError,
        match=r"max_episode_steps=1000000000000, .* 2 trajectories of 1024 "
        r"steps take about 0\.0 GiB.* Reduce",
    ):
        collect([300, 513], 10**12)


def test_a_trajectory_of_more_steps_than_are_counted_is_refused():
    space = cem.spaces.Discrete(2)
    with pytest.raises(
        ValueError, match=r"at most 2\*\*30 steps. Received: .*=1099511627776"
    ):
        step_storage.check_size("Long-v0", space, space, 1, 2**31, 2**40)


def remembering(size, lengths, *epochs, limit=10**12):
    """An agent with an elite memory that has played episodes."""
    env = Countdown(lengths)
    agent = cem.CEMAgent.from_env(
        env, hidden_units=(), seed=0, elite_memory=size
    )
    agent.compile("sgd")
    for each in epochs or (1,):
        agent.fit(
            env,
            batch_size=3,
            epochs=each,
            max_episode_steps=limit,
            verbose=0,
        )
    return agent


def test_an_elite_memory_that_no_machine_holds_is_refused(monkeypatch):
    with pytest.raises(
        ValueError,
        match=r"`elite_memory` episodes must fit in memory\. Received: "
        r"elite_memory=1000000000000\. With 0 steps each, they take about",
    ):
        remembering(10**12, [])
    monkeypatch.setattr(devices, "host_memory", lambda: 10**6)
    with pytest.raises(
        ValueError,
        match=r"elite_memory=900\. With 256 steps each, they take about .*"
        "Reduce `elite_memory` or `max_episode_steps`",
    ):
        remembering(900, [])


def test_an_elite_memory_follows_the_longest_episode_not_the_limit():
    lengths = [3, 5, 4, 300, 2, 1, 7, 8, 9]
    agent = remembering(2, lengths, 3)
    assert agent.memory.lengths.numpy().tolist() == [300, 5]
    assert agent.memory._leaves[0].value().shape == (2, 512, 1)
    observations, _ = agent.memory.gather(
        tf.constant([0, 0, 1]), tf.constant([0, 299, 4])
    )
    assert observations.numpy().ravel().tolist() == [0, 299, 4]


def test_an_elite_memory_learns_the_same_however_large_the_limit():
    lengths = [3, 5, 4, 300, 2, 1, 7, 8, 9, 2, 2, 3]
    # In one `fit`, in several, and with memory for the whole limit.
    agents = [
        remembering(2, lengths, 4),
        remembering(2, lengths, 1, 1, 2),
        remembering(2, lengths, 4, limit=500),
    ]
    weights = [agent.policy.get_weights() for agent in agents]
    assert np.any(weights[0][0] != 0)
    for other in weights[1:]:
        tf.nest.map_structure(np.testing.assert_array_equal, weights[0], other)


def test_an_elite_memory_that_grew_is_saved_and_goes_on(tmp_path):
    agent = remembering(2, [3, 300, 4])
    agent.save(tmp_path / "agent.keras")
    loaded = keras.saving.load_model(tmp_path / "agent.keras")
    assert loaded.memory.lengths.numpy().tolist() == [300, 0]
    results = []
    for each in (agent, loaded):
        env = Countdown([2, 600, 9, 5, 5, 6])
        each.fit(
            env, batch_size=3, epochs=2, max_episode_steps=10**12, verbose=0
        )
        results.append(each.policy.get_weights())
        assert each.memory.lengths.numpy().tolist() == [600, 300]
    tf.nest.map_structure(np.testing.assert_array_equal, *results)


# Pairs


LENGTHS = [2**30, 5, 2**30, 2**30]
ELITES = [True, False, True, True]


def test_pairs_past_2_to_the_31_are_located():
    found = pairs.Pairs(
        tf.constant(LENGTHS, tf.int32), tf.constant(ELITES), tf.int64
    )
    assert int(found.total) == 3 * 2**30
    numbers = [0, 2**30 - 1, 2**30, 2**31 + 7, 3 * 2**30 - 1]
    rows, steps = found.locate(tf.constant(numbers, tf.int64))
    np.testing.assert_array_equal(rows, [0, 0, 2, 3, 3])
    np.testing.assert_array_equal(steps, [0, 2**30 - 1, 0, 7, 2**30 - 1])


@pytest.mark.parametrize("by_trajectory", [False, True])
def test_minibatches_are_drawn_from_all_pairs_past_2_to_the_31(by_trajectory):
    found = pairs.Pairs(
        tf.constant(LENGTHS, tf.int32), tf.constant(ELITES), tf.int64
    )
    key = cem.prng.make_key(0, cem.prng.MINIBATCHES)
    drawn = found.draw(key, 0, 3000, by_trajectory=by_trajectory).numpy()
    assert drawn.min() >= 0
    assert drawn.max() < 3 * 2**30
    thirds = np.bincount(drawn // 2**30, minlength=3)
    # 1,000 each; the standard deviation is 26.
    assert (np.abs(thirds - 1000) < 130).all(), thirds


def test_padded_steps_past_2_to_the_31_are_counted():
    count = tf.function(
        lambda mask: cem.Trajectories(None, None, None, mask, None).num_steps
    )
    traced = count.get_concrete_function(tf.TensorSpec((2**20, 2**12), tf.bool))
    assert tf.get_static_value(traced.outputs[0]) == 2**32
