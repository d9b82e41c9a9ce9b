"""Trajectories that share a start, or a sample of the policy."""

import numpy as np
import pytest
import tensorflow as tf
from gymnasium.vector import AutoresetMode

import keras_cem as cem
from keras_cem import heads, prng
from keras_cem.engines.graph.source import GraphSource
from keras_cem.engines.groups import NO_GROUPS, Groups, fingerprint
from keras_cem.engines.playing import Options
from keras_cem.engines.sources import open_source
from tests import toy_envs

SIZE, STEPS = 8, 10


def _agent(env, **kwargs):
    agent = cem.CEMAgent.from_env(env, hidden_units=(4,), seed=2, **kwargs)
    agent.compile("sgd", run_eagerly=True)
    return agent


def _on_host(env, groups, epsilon=1.0, num_envs=3):
    agent = _agent(env)
    source = open_source(env, Options(SIZE, num_envs, max_episode_steps=STEPS))
    try:
        return agent._player.play(
            source,
            SIZE,
            prng.TRAINING_RESETS,
            epsilon=epsilon,
            groups=groups,
        )
    finally:
        source.close()


def _in_graph(env, groups, epsilon=1.0):
    agent = _agent(env)
    source = GraphSource(cem.envs.make(env), SIZE, STEPS)
    played = source.play(
        agent.policy,
        agent.head,
        numbers=(2, prng.TRAINING_RESETS, 0),
        epsilon=tf.constant(epsilon),
        groups=groups,
        store_rewards=True,
    )
    return tf.nest.map_structure(np.asarray, played.to_trajectories())


# Starts


@pytest.mark.parametrize(
    ("play", "env"), [(_on_host, "ToySeeded-v0"), (_in_graph, "CartPole-v1")]
)
def test_members_of_a_group_share_the_start_and_explore_apart(play, env):
    played = play(env, Groups(per_start=4))
    starts = played.observations[:, 0].reshape(2, 4, -1)
    np.testing.assert_array_equal(starts, np.repeat(starts[:, :1], 4, axis=1))
    assert np.any(starts[0] != starts[1])
    for group in (played.actions[:4], played.actions[4:]):
        assert len({row.tobytes() for row in group}) > 1
    alone = play(env, NO_GROUPS)
    assert len({row.tobytes() for row in alone.observations[:, 0]}) == SIZE
    # The first trajectory is the first of its group.
    np.testing.assert_array_equal(alone.actions[0], played.actions[0])


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["host", "graph"])
def test_groups_are_the_same_in_parts_of_an_iteration(engine, monkeypatch):
    """A part begins anywhere, also within a group."""
    monkeypatch.setattr(GraphSource, "compilable", lambda *_: False)
    agent = _agent("CartPole-v1")

    def played(first, size):
        options = Options(size, max_episode_steps=STEPS, engine=engine)
        source = open_source("CartPole-v1", options)
        stream, groups = prng.TRAINING_RESETS, Groups(per_start=4)
        return agent._player.play(
            source, size, stream, epsilon=1.0, first=first, groups=groups
        )

    whole, parts = played(0, SIZE), [played(0, 6), played(6, 2)]
    np.testing.assert_array_equal(
        whole.observations[0, 0], whole.observations[3, 0]
    )
    for leaf, *of_parts in zip(whole, *parts, strict=True):
        np.testing.assert_array_equal(leaf, np.concatenate(of_parts))


def test_chance_in_the_graph_is_each_members_own():
    """FrozenLake starts in one place, and slips."""
    played = _in_graph("FrozenLake-v1", Groups(per_start=SIZE))
    assert len(set(played.observations[:, 0].tolist())) == 1
    # Where the same was done, other things happened.
    outcomes = [
        set(played.observations[played.actions[:, 0] == action, 1].tolist())
        for action in range(4)
    ]
    assert max(len(outcome) for outcome in outcomes) > 1


def test_environment_without_seeds_of_its_own_is_refused():
    env = toy_envs.ScriptedVectorEnv(AutoresetMode.NEXT_STEP)
    agent = cem.CEMAgent.from_env(env, episodes_per_start=2)
    agent.compile("sgd")
    with pytest.raises(ValueError, match="episodes_per_start=2"):
        agent.fit(env, batch_size=4, max_episode_steps=3)


# Samples of the policy


@pytest.mark.parametrize(
    ("play", "env"), [(_on_host, "FrozenLake-v1"), (_in_graph, "FrozenLake-v1")]
)
def test_a_sample_does_the_same_whenever_it_observes_the_same(play, env):
    played = play(env, Groups(per_policy=4))
    repeated = 0
    tables = []
    for group in (slice(0, 4), slice(4, 8)):
        real = played.mask[group]
        table = {}
        for seen, action in zip(
            played.observations[group][real],
            played.actions[group][real],
            strict=True,
        ):
            repeated += int(seen) in table
            assert table.setdefault(int(seen), int(action)) == action
        tables.append(table)
    assert repeated > 0
    # The other group plays another sample.
    both = tables[0].keys() & tables[1].keys()
    assert any(tables[0][seen] != tables[1][seen] for seen in both)


def test_samples_differ_and_are_drawn_from_the_explored_policy():
    """Each state's action of each sample, as often as the policy says."""
    head = heads.for_space(cem.spaces.Discrete(3))
    groups = Groups(per_policy=2)
    key = prng.make_key(0, prng.EXPLORATION)
    rows = tf.cast(tf.range(6000), tf.uint32)
    seen = tf.fill([6000], tf.constant(7, tf.int64))
    logits = tf.math.log(tf.tile([[0.2, 0.5, 0.3]], (6000, 1)))
    counter = groups.counter(rows, tf.zeros_like(rows), [seen])
    actions, _ = head.explore(logits, 0.0, key, counter, ())
    pairs = actions.numpy().reshape(-1, 2)
    np.testing.assert_array_equal(pairs[:, 0], pairs[:, 1])
    shares = np.bincount(pairs[:, 0], minlength=3) / len(pairs)
    # Four standard deviations of a share of 3000.
    np.testing.assert_allclose(shares, [0.2, 0.5, 0.3], atol=0.04)
    # Another state, drawn for by itself.
    counter = groups.counter(rows, tf.zeros_like(rows), [seen + 1])
    others, _ = head.explore(logits, 0.0, key, counter, ())
    agree = np.mean(others.numpy() == actions.numpy())
    assert agree == pytest.approx(0.2**2 + 0.5**2 + 0.3**2, abs=0.05)


@pytest.mark.slow
def test_layout_over_environments_changes_no_sample():
    first, second = (
        _on_host("FrozenLake-v1", Groups(per_policy=2), num_envs=num_envs)
        for num_envs in (1, 5)
    )
    np.testing.assert_array_equal(first.mask, second.mask)
    np.testing.assert_array_equal(
        first.actions[first.mask], second.actions[second.mask]
    )


@pytest.mark.parametrize("jit_compile", [None, True])
def test_fingerprints_tell_observations_apart(jit_compile):
    function = fingerprint
    if jit_compile is not None:
        function = tf.function(fingerprint, jit_compile=jit_compile)
    x = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    flags = np.arange(500) % 2 == 0
    found = function([tf.constant(x), tf.constant(flags)]).numpy()
    assert found.dtype == np.uint32
    assert len(set(found.tolist())) == 500
    again = function([tf.constant(x), tf.constant(flags)]).numpy()
    np.testing.assert_array_equal(found, again)
    turned = function([tf.constant(x[:, ::-1]), tf.constant(flags)]).numpy()
    other = function([tf.constant(x), tf.constant(~flags)]).numpy()
    assert np.all(found != turned)
    assert np.all(found != other)


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "float16", "int64", "uint8", "bool"]
)
def test_fingerprint_of_every_dtype(dtype):
    x = np.array([[0, 1], [1, 0], [1, 1], [0, 1]]).astype(dtype)
    found = fingerprint([tf.constant(x)]).numpy()
    assert found[0] == found[3]
    assert len(set(found.tolist())) == 3


def test_zero_has_no_sign():
    found = fingerprint([tf.constant([[0.0], [-0.0]])]).numpy()
    assert found[0] == found[1]


@pytest.mark.parametrize("engine", ["host", "graph"])
def test_fit_plays_the_groups_of_the_agent(engine):
    """With one start for all, what is observed first does not vary."""
    agent = cem.CEMAgent.from_env(
        "CartPole-v1",
        hidden_units=(4,),
        seed=0,
        episodes_per_start=4,
        normalize_observations=True,
    )
    agent.compile("sgd", run_eagerly=True)
    agent.fit(
        "CartPole-v1",
        batch_size=4,
        max_episode_steps=1,
        engine=engine,
        verbose=0,
    )
    (layer,) = agent.policy.normalizations
    assert layer.count.numpy() == 4
    np.testing.assert_array_equal(layer.squares, np.zeros(4))
    assert np.any(layer.mean.numpy() != 0)
