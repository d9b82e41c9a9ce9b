"""What exploration remembers is passed on within each trajectory, and afresh.

The head's state counts steps, and its action tells it; so an action that is
not the step's number was given another trajectory's state, or none.
"""

import gymnasium
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem
from keras_cem import heads, prng
from keras_cem.engines.graph.source import GraphSource

STEPS = 5


class CountingHead(heads.SoftmaxHead):
    """Its explored action is how often it explored in this trajectory."""

    def initial_exploration(self, size):
        return {"count": tf.fill([size], 77)}

    def explore(self, outputs, epsilon, key, counter, state, features=None):
        assert features is None
        fresh = counter[1] == tf.constant(0, tf.uint32)
        count = tf.where(fresh, 0, state["count"])
        actions = tf.cast(count, self.space.dtype)
        return actions, {"count": count + 1}


class Uneven(gymnasium.Env):
    """Ends after 1 to `STEPS` steps."""

    observation_space = gymnasium.spaces.Box(0.0, 1.0, (1,))
    action_space = gymnasium.spaces.Discrete(50)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = int(self.np_random.integers(1, STEPS + 1))
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.left -= 1
        return np.zeros(1, np.float32), 0.0, self.left == 0, False, {}


def make_agent(mode):
    agent = cem.CEMAgent(
        keras.Sequential([keras.layers.Dense(50)]), Uneven.action_space, seed=0
    )
    agent.head = CountingHead(Uneven.action_space)
    agent.compile("sgd", run_eagerly=mode == "eager")
    return agent


@pytest.mark.parametrize("mode", ["eager", "compiled"])
def test_host_keeps_the_state_of_a_trajectory(mode):
    agent = make_agent(mode)
    for num_envs in (1, 3):
        played = agent.collect(
            Uneven,
            8,
            epsilon=0.5,
            num_envs=num_envs,
            max_episode_steps=STEPS,
        )
        assert len(set(played.lengths)) > 1
        expected = np.tile(np.arange(STEPS), (8, 1))
        np.testing.assert_array_equal(
            played.actions[played.mask], expected[played.mask]
        )


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["eager", "traced", "compiled"])
def test_graph_keeps_the_state_of_a_trajectory(mode):
    source = GraphSource(cem.envs.make("CartPole-v1"), 3, STEPS)

    def play():
        return source.play(
            lambda x, training: tf.zeros((3, 2)),
            CountingHead(source.action_space),
            numbers=(0, prng.TRAINING_RESETS, 0),
            epsilon=tf.constant(0.5),
        ).actions

    if mode != "eager":
        play = tf.function(play, jit_compile=mode == "compiled")
    np.testing.assert_array_equal(play(), [[step] * 3 for step in range(STEPS)])


def test_act_goes_on_from_call_to_call_and_apart_from_collect():
    agent = make_agent("compiled")
    agent.build_for(cem.spaces.get(Uneven.observation_space, "space"))
    actions = []
    for _ in range(3):
        actions.append(int(agent.act([0.0], epsilon=0.5)))
        agent.collect(
            Uneven, 1, epsilon=0.5, num_envs=1, max_episode_steps=STEPS
        )
    assert actions == [0, 1, 2]


def test_a_sample_of_an_export_is_as_in_the_first_step(tmp_path):
    agent = make_agent("compiled")
    agent.build_for(cem.spaces.get(Uneven.observation_space, "space"))
    agent.export(tmp_path / "policy")
    policy = tf.saved_model.load(tmp_path / "policy")
    for rows in (2, 3):
        actions = policy.act_sample(
            tf.zeros((rows, 1)), tf.constant([1, 2]), tf.constant(0.5)
        )
        assert actions.numpy().tolist() == [0] * rows
