"""The adapter where TF-Agents is not installed, as in this environment.

What it does where TF-Agents is: tests_tf_agents.
"""

import importlib
import os
import sys

import pytest

from keras_cem import adapters
from keras_cem.engines.playing import Options


@pytest.mark.parametrize("name", adapters.tf_agents.__all__)
def test_its_classes_name_the_extra(name):
    with pytest.raises(
        ImportError, match=r"needs tf-agents.*'keras-cem\[tf-agents\]'"
    ):
        getattr(adapters.tf_agents, name)
    assert "TF_USE_LEGACY_KERAS" not in os.environ


def test_unknown_names_are_not_there():
    with pytest.raises(AttributeError, match="no attribute 'DQNPolicy'"):
        _ = adapters.tf_agents.DQNPolicy
    with pytest.raises(AttributeError, match="no attribute 'rllib'"):
        _ = adapters.rllib


def test_no_environment_is_taken_for_its_own():
    sources = importlib.import_module("keras_cem.adapters.tf_agents.sources")
    assert not sources.accepts(object(), Options(2))
    assert "tf_agents" not in sys.modules
