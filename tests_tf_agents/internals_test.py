"""The names of TF-Agents that are not promised are there."""

import importlib
import inspect

import pytest
from tf_agents.environments import (
    parallel_py_environment,
    tf_wrappers,
    wrappers,
)

from keras_cem.utils import tf_agents_internals
from keras_cem.utils.private_names import gone
from tests_tf_agents import toys

NAMES = tf_agents_internals.NAMES


def _has(owner, attribute):
    if hasattr(wrappers, owner):
        return hasattr(getattr(wrappers, owner)(toys.Py(), 9), attribute)
    # To make one would start processes, or needs a `TFEnvironment`.
    module = (
        tf_wrappers
        if hasattr(tf_wrappers, owner)
        else (parallel_py_environment)
    )
    source = inspect.getsource(getattr(module, owner))
    return f"    self.{attribute} = " in source


@pytest.mark.parametrize("name", NAMES)
def test_name_is_there(name):
    owner, attribute = name.split(".")
    assert _has(owner, attribute), gone(name, "tf-agents", NAMES)


def test_limit_of_each_wrapper_that_truncates_is_read():
    for kind in (wrappers.TimeLimit, wrappers.FixedLength):
        assert tf_agents_internals.limit(kind(toys.Py(), 9)) == 9


def test_tf_keras_has_the_module_that_is_tensorflows_keras():
    module = importlib.import_module(tf_agents_internals.TF_KERAS)
    assert module.Model.__module__.partition(".")[0] == "tf_keras"


def test_missing_name_is_an_error_with_the_version():
    with pytest.raises(RuntimeError, match=r"_flatten` of tf-agents") as error:
        tf_agents_internals.takes_flat_actions(object())
    assert "Received: tf-agents 0.19.0 without it" in str(error.value)
