"""How steps run on arrays and on collected trajectories."""

import numpy as np
import tensorflow as tf

from keras_cem.agent import step_functions
from keras_cem.agent.steps import OnArrays, OnCollected
from tests.helpers import DISCRETE, make_trajectories


def test_steps_on_arrays_are_those_of_keras():
    steps = OnArrays()
    assert steps.around(len) is len
    assert steps.jit_compile("as Keras chose") == "as Keras chose"


def test_each_step_gets_trajectories_as_tensors():
    batches = iter([make_trajectories(DISCRETE, np.arange(k)) for k in (2, 3)])
    checked = []
    steps = OnCollected(
        "given", lambda: next(batches), 2, lambda: checked.append(True)
    )
    seen = []

    def inner(iterator):
        seen.extend(steps.play(data) for data in iterator)
        return len(seen)

    assert steps.around(inner)(iter(step_functions.ticks(2))) == 2
    assert [len(played.returns) for played in seen] == [2, 3]
    assert all(tf.is_tensor(played.rewards) for played in seen)
    assert checked == [True, True]
