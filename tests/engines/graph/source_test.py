"""Rollouts inside of the compiled step."""

from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem
from keras_cem import envs, heads, prng, spaces
from keras_cem.engines.graph import loop as graph_loop
from keras_cem.engines.graph.source import GraphSource
from keras_cem.utils.nonfinite import Fault

pytestmark = pytest.mark.slow

SIZE, STEPS = 6, 9


class CountState(NamedTuple):
    left: tf.Tensor
    total: tf.Tensor


class Countdown(envs.Environment):
    """Ends after 1 to 6 steps; the reward is the action."""

    id = "Countdown-v0"
    max_episode_steps = 5

    @property
    def observation_space(self):
        return spaces.Box(-np.inf, np.inf, (2,))

    @property
    def action_space(self):
        return spaces.Discrete(3, start=-1)

    def initial(self, seeds):
        left = 1 + tf.cast(seeds[0] % tf.constant(6, tf.uint32), tf.int32)
        return CountState(left, tf.zeros_like(left, tf.float32))

    def transition(self, state, actions, seeds):
        rewards = tf.cast(actions, tf.float32)
        left = state.left - 1
        state = CountState(left, state.total + rewards)
        return state, rewards, left <= 0

    def observe(self, state):
        return tf.stack([tf.cast(state.left, tf.float32), state.total], -1)


def policy():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])


def play(
    mode="graph",
    first=0,
    size=SIZE,
    epsilon=0.5,
    iteration=4,
    fuse=None,
    num_envs=None,
    **kwargs,
):
    source = GraphSource(Countdown(), size, STEPS, fuse, num_envs)
    network, head = policy(), heads.for_space(Countdown().action_space)

    def run():
        played = source.play(
            network,
            head,
            numbers=(7, prng.TRAINING_RESETS, iteration),
            epsilon=epsilon,
            first=first,
            store_rewards=True,
            **kwargs,
        )
        return played.to_trajectories(), played.returns, played.lengths

    if mode == "eager":
        return run()
    return tf.function(run, jit_compile=mode == "compiled")()


def brute_force(first=0, epsilon=0.5, iteration=4):
    """One trajectory after the other, one step after the other."""
    env, network = Countdown(), policy()
    head = heads.for_space(env.action_space)
    reset_key = prng.make_key(7, prng.TRAINING_RESETS, iteration)
    explore_key = prng.make_key(7, prng.EXPLORATION, iteration)
    episodes = []
    for number in range(first, first + SIZE):
        row = tf.constant([number], tf.uint32)
        state = env.initial(prng.threefry2x32(reset_key, (row, 0 * row)))
        episode = []
        for step in range(STEPS):
            counter = (row, tf.constant([step], tf.uint32))
            seen = env.observe(state)
            action, _ = head.explore(
                network(seen), epsilon, explore_key, counter, ()
            )
            state, reward, over = env.transition(state, action, None)
            episode.append((seen[0].numpy(), int(action[0]), float(reward[0])))
            if bool(over[0]):
                break
        episodes.append(episode)
    return episodes


@pytest.mark.parametrize("mode", ["eager", "graph", "compiled"])
@pytest.mark.parametrize("num_envs", [SIZE, 4, 1])
def test_trajectories_equal_brute_force(mode, num_envs):
    played, returns, lengths = play(mode, num_envs=num_envs)
    expected = brute_force()
    assert lengths.numpy().tolist() == [len(episode) for episode in expected]
    assert len(set(lengths.numpy())) > 1
    for row, episode in enumerate(expected):
        seen, actions, rewards = zip(*episode, strict=True)
        length = len(episode)
        np.testing.assert_array_equal(played.observations[row, :length], seen)
        np.testing.assert_array_equal(played.actions[row, :length], actions)
        np.testing.assert_array_equal(played.rewards[row, :length], rewards)
        assert float(returns[row]) == sum(rewards)
        assert played.mask[row].numpy().tolist() == [
            step < length for step in range(STEPS)
        ]
    assert played.terminated.numpy().all()
    assert played.actions.dtype == tf.int64


def test_fused_layers_play_the_same_episodes():
    agent = cem.CEMAgent.from_env(
        "CartPole-v1", normalize_observations=True, seed=0
    )

    def played(fuse):
        source = GraphSource(envs.make("CartPole-v1"), 16, 40, fuse)

        @tf.function
        def run():
            whole = source.play(
                agent.policy,
                agent.head,
                numbers=(7, prng.TRAINING_RESETS, 4),
                epsilon=None,
            )
            return whole.states, whole.actions, whole.lengths

        types = {
            node.op
            for function in run.get_concrete_function()
            .graph.as_graph_def()
            .library.function
            for node in function.node_def
        }
        return run(), "MatMul" in types

    (states, actions, lengths), multiplies = played(fuse=True)
    (other_states, *others), others_multiply = played(fuse=False)
    assert not multiplies
    assert others_multiply
    assert len(set(lengths.numpy())) > 1
    np.testing.assert_array_equal(actions, others[0])
    np.testing.assert_array_equal(lengths, others[1])
    tf.nest.map_structure(
        lambda one, other: np.testing.assert_allclose(one, other, atol=1e-4),
        states,
        other_states,
    )


@pytest.mark.parametrize(("gpus", "fused"), [([], False), (["GPU:0"], True)])
def test_layers_are_fused_on_a_gpu(monkeypatch, gpus, fused):
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: gpus)
    seen = []

    def noted(policy):
        seen.append(policy)
        return policy

    monkeypatch.setattr(graph_loop, "fused", noted)
    play()
    assert bool(seen) == fused


def test_compiled_steps_differ_by_whether_layers_are_fused():
    keys = {GraphSource(Countdown(), 2, 3, fuse).key for fuse in (False, True)}
    assert len(keys) == 2


def test_limit_truncates():
    source = GraphSource(Countdown(), 20, 2)
    head = heads.for_space(Countdown().action_space)
    played = source.play(
        policy(), head, numbers=(7, prng.TRAINING_RESETS, 0), epsilon=None
    )
    key = prng.make_key(7, prng.TRAINING_RESETS, 0)
    rows = tf.cast(tf.range(20), tf.uint32)
    left = Countdown().initial(prng.threefry2x32(key, (rows, 0 * rows))).left
    assert played.lengths.numpy().tolist() == np.minimum(left, 2).tolist()
    assert played.terminated.numpy().tolist() == (left <= 2).numpy().tolist()


def test_a_trajectory_does_not_depend_on_the_others():
    whole, _, _ = play(size=SIZE)
    part, _, _ = play(size=2, first=3)
    for of_whole, of_part in zip(whole, part, strict=True):
        masked = whole.mask.numpy()[3:5]
        of_whole, of_part = of_whole.numpy()[3:5], of_part.numpy()
        if of_whole.shape[:2] == masked.shape:
            of_whole, of_part = of_whole[masked], of_part[masked]
        np.testing.assert_array_equal(of_whole, of_part)


def test_iterations_play_other_numbers():
    _, first, _ = play(iteration=1)
    _, second, _ = play(iteration=2)
    assert first.numpy().tolist() != second.numpy().tolist()


def test_gather_finds_pairs_by_trajectory_and_step():
    source = GraphSource(Countdown(), SIZE, STEPS)
    head = heads.for_space(Countdown().action_space)
    played = source.play(
        policy(),
        head,
        numbers=(7, prng.TRAINING_RESETS, 4),
        epsilon=0.5,
        store_rewards=True,
    )
    batch = played.to_trajectories()
    trajectory, step = tf.constant([5, 0, 3]), tf.constant([0, 0, 0])
    observations, actions = played.gather(trajectory, step)
    expected, expected_actions = batch.gather(trajectory, step)
    np.testing.assert_array_equal(observations, expected)
    np.testing.assert_array_equal(actions, expected_actions)


@pytest.mark.parametrize("broken", ["observation", "policy's output", "reward"])
@pytest.mark.parametrize("after_the_end", [False, True])
def test_what_is_not_finite_is_noted_where_an_episode_goes_on(
    broken, after_the_end
):
    class Broken(Countdown):
        def transition(self, state, actions, seeds):
            bad = state.left < 1 if after_the_end else state.left == 2
            state, rewards, over = super().transition(state, actions, seeds)
            if broken == "reward":
                rewards = tf.where(bad, float("nan"), rewards)
            else:
                # Finite, but not twice as much.
                huge = float("inf") if broken == "observation" else 3e38
                total = tf.where(bad, huge, state.total)
                state = state._replace(total=total)
            return state, rewards, over

    def twice(observations, training):
        return tf.tile(2.0 * observations[:, 1:], [1, 3])

    env = Broken()
    played = GraphSource(env, 20, STEPS).play(
        twice,
        heads.for_space(env.action_space),
        numbers=(7, prng.TRAINING_RESETS, 0),
        epsilon=None,
    )
    assert bool(tf.reduce_any(played.faults > 0)) == (not after_the_end)
    key = prng.make_key(7, prng.TRAINING_RESETS, 0)
    rows = tf.cast(tf.range(20), tf.uint32)
    left = env.initial(prng.threefry2x32(key, (rows, 0 * rows))).left.numpy()
    # The reward of the last step but one; what it leaves is seen in the last.
    last = left - 1 if broken == "reward" else left
    faulty = (left >= 2) & (not after_the_end)
    number = {"observation": Fault.OBSERVATION, "reward": Fault.REWARD}.get(
        broken, Fault.OUTPUT
    )
    assert played.faults.numpy().tolist() == (faulty * number).tolist()
    expected = np.where(faulty, last, left)
    assert played.lengths.numpy().tolist() == expected.tolist()
