"""`act` sees each change of the weights, whoever makes it."""

import gymnasium
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem

OBSERVATION = np.array([0.5], np.float32)


@pytest.fixture(scope="module")
def agent():
    policy = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1, use_bias=False)]
    )
    made = cem.CEMAgent(
        policy,
        gymnasium.spaces.Box(-100.0, 100.0, (1,)),
        observation_space=gymnasium.spaces.Box(-1.0, 1.0, (1,)),
        seed=0,
    )
    made.compile(keras.optimizers.SGD(1.0))
    return made


@pytest.fixture
def kernel(agent):
    """The only weight, 2."""
    (kernel,) = agent.policy.weights
    kernel.assign([[2.0]])
    assert agent.act(OBSERVATION) == 1.0
    return kernel


def _assign(agent, kernel, folder):
    kernel.assign([[6.0]])


def _assign_tensor(agent, kernel, folder):
    """Without any Python of Keras, and without a new tensor."""
    tf.raw_ops.AssignVariableOp(
        resource=kernel.value.handle, value=tf.constant([[6.0]])
    )


def _assign_in_place(agent, kernel, folder):
    kernel.value.scatter_nd_update([[0, 0]], [6.0])


def _assign_in_function(agent, kernel, folder):
    @tf.function
    def function():
        kernel.assign_add([[4.0]])

    function()


def _optimizer_step(agent, kernel, folder):
    agent.optimizer.apply_gradients([(tf.constant([[-4.0]]), kernel)])


def _set_weights(agent, kernel, folder):
    agent.policy.set_weights([np.array([[6.0]])])


def _load_weights(agent, kernel, folder):
    path = folder / "a.weights.h5"
    kernel.assign([[6.0]])
    agent.save_weights(path)
    kernel.assign([[2.0]])
    assert agent.act(OBSERVATION) == 1.0
    agent.load_weights(path)


def _restore_checkpoint(agent, kernel, folder):
    checkpoint = tf.train.Checkpoint(kernel=kernel.value)
    kernel.assign([[6.0]])
    path = checkpoint.save(folder / "checkpoint")
    kernel.assign([[2.0]])
    assert agent.act(OBSERVATION) == 1.0
    checkpoint.restore(path)


@pytest.mark.parametrize(
    "change",
    [
        _assign,
        _assign_tensor,
        _assign_in_place,
        _assign_in_function,
        _optimizer_step,
        _set_weights,
        _load_weights,
        _restore_checkpoint,
    ],
)
def test_a_changed_weight_acts_at_once(change, agent, kernel, tmp_path):
    change(agent, kernel, tmp_path)
    assert agent.act(OBSERVATION) == 3.0
