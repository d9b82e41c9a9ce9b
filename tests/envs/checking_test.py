from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cem import envs, prng, spaces
from tests.envs import reference


class WalkState(NamedTuple):
    position: tf.Tensor
    velocity: tf.Tensor


class Walk(envs.Environment):
    """A correct environment; tests break one thing each."""

    id = "Walk-v0"
    max_episode_steps = 10
    observation_space = spaces.Box(-np.inf, np.inf, (2,))
    action_space = spaces.Discrete(2)

    def initial(self, seeds):
        return WalkState(*prng.row_uniform(seeds, 2))

    def transition(self, state, actions, seeds):
        velocity = state.velocity + tf.cast(actions, tf.float32)
        state = WalkState(state.position + velocity, velocity)
        return state, -tf.ones_like(velocity), state.position > 1.0

    def observe(self, state):
        return tf.stack(state, axis=-1)


@pytest.mark.parametrize("name", reference.ALL)
def test_check_accepts(name):
    envs.check(envs.make(name))


def test_check_accepts_a_state_of_several_dimensions():
    class Boards(Walk):
        def initial(self, seeds):
            board = tf.stack(prng.row_uniform(seeds, 3), axis=-1)
            return WalkState(board, board)

        def transition(self, state, actions, seeds):
            return state, state[0][:, 0], state[0][:, 0] > 1.0

        def observe(self, state):
            return state.position[:, :2]

    envs.check(Boards())


def changed(function):
    """The class of an environment with another transition."""

    class Changed(Walk):
        def transition(self, state, actions, seeds):
            state, rewards, ended = super().transition(state, actions, seeds)
            return function(state, rewards, ended)

    return Changed()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            lambda state, rewards, ended: (
                state._replace(velocity=tf.cast(state.velocity, tf.float64)),
                rewards,
                ended,
            ),
            r"`transition` of Walk-v0 must return `state.velocity` of "
            r"shape \(7,\) and dtype float32.*"
            r"Received: shape \(7,\), dtype float64",
        ),
        (
            lambda state, rewards, ended: (
                state._replace(position=state.position[:, None]),
                rewards,
                ended,
            ),
            r"`state.position` .* Received: shape \(7, 1\), dtype float32",
        ),
        (
            lambda state, rewards, ended: (state, rewards[:, None], ended),
            r"`rewards` .* Received: shape \(7, 1\)",
        ),
        (
            lambda state, rewards, ended: (state, tf.constant(1.0), ended),
            r"`rewards` .* Received: shape \(\)",
        ),
        (
            lambda state, rewards, ended: (
                state,
                rewards,
                tf.cast(ended, tf.float32),
            ),
            r"`terminated` .* dtype bool.*Received: .* dtype float32",
        ),
        (
            lambda state, rewards, ended: (tuple(state), rewards, ended),
            r"must return a state of the same type as `initial`, "
            r"WalkState. Received: \(<tf.Tensor",
        ),
        (
            lambda state, rewards, ended: (
                state._replace(position=tf.random.uniform((7,))),
                rewards,
                ended,
            ),
            r"`transition` of Walk-v0 must be a pure function.*RandomUniform",
        ),
        (
            lambda state, rewards, ended: (
                state._replace(
                    position=tf.ensure_shape(
                        tf.py_function(lambda x: x, [state[0]], tf.float32),
                        (7,),
                    )
                ),
                rewards,
                ended,
            ),
            r"must be a pure function.*uses EagerPyFunc",
        ),
    ],
    ids=[
        "dtype of the state",
        "shape of the state",
        "shape of rewards",
        "one reward for all",
        "dtype of terminated",
        "type of the state",
        "stateful random numbers",
        "Python function",
    ],
)
def test_check_names_what_a_step_changes(function, message):
    with pytest.raises(ValueError, match=message):
        envs.check(changed(function))


def test_check_refuses_variables_that_change():
    counter = keras.Variable(0.0)

    def count(state, rewards, ended):
        counter.assign_add(1.0)
        return state, rewards, ended

    with pytest.raises(ValueError, match="uses AssignVariableOp"):
        envs.check(changed(count))


def test_check_refuses_observations_that_do_not_fit_the_space():
    class Wrong(Walk):
        observation_space = spaces.Box(-1.0, 1.0, (3,))

    with pytest.raises(
        ValueError,
        match=r"`observe` of Walk-v0 must return `observations` of "
        r"shape \(7, 3\).*Received: shape \(7, 2\)",
    ):
        envs.check(Wrong())


def test_check_refuses_a_state_that_is_no_named_tuple():
    class Wrong(Walk):
        def initial(self, seeds):
            return tuple(super().initial(seeds))

    with pytest.raises(ValueError, match="must be a NamedTuple of tensors"):
        envs.check(Wrong())


def test_check_refuses_a_leaf_without_rows():
    class Wrong(Walk):
        def initial(self, seeds):
            return super().initial(seeds)._replace(velocity=tf.zeros(()))

        def observe(self, state):
            return tf.zeros((7, 2))

    with pytest.raises(
        ValueError, match=r"`state.velocity` .* Received: shape \(\) with N=7"
    ):
        envs.check(Wrong())


def test_check_reports_what_an_environment_raises():
    class Wrong(Walk):
        def transition(self, state, actions, seeds):
            raise KeyError("no such move")

    with pytest.raises(
        RuntimeError, match=r"(?s)`transition` of Walk-v0 failed .*no such move"
    ) as caught:
        envs.check(Wrong())
    assert isinstance(caught.value.__cause__, KeyError)


def test_check_tries_the_integers_that_actions_may_come_as():
    class Wrong(Walk):
        def transition(self, state, actions, seeds):
            return super().transition(
                state, actions + tf.ones_like(actions, tf.int64), seeds
            )

    with pytest.raises(RuntimeError, match="`transition` of Walk-v0 failed"):
        envs.check(Wrong())


def test_check_refuses_a_gymnasium_space():
    class Wrong(Walk):
        action_space = spaces.Discrete(2).to_gymnasium()

    with pytest.raises(
        TypeError,
        match=r"`action_space` of Walk-v0 must be a `keras_cem.spaces.Space`. "
        r"Received: action_space=Discrete\(2\) of type Discrete",
    ):
        envs.check(Wrong())


def test_check_refuses_what_is_no_environment():
    with pytest.raises(TypeError, match=r"Received: environment='CartPole-v1'"):
        envs.check("CartPole-v1")


def test_an_environment_without_transition_cannot_be_made():
    class Wrong(envs.Environment):
        id = "Wrong-v0"

    with pytest.raises(TypeError, match="abstract"):
        Wrong()
