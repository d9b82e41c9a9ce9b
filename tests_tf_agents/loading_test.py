"""Importing TF-Agents: what is set for it, and what is said where it fails."""

import importlib.util
import os
import subprocess
import sys

import pytest

from keras_cem.adapters.tf_agents import loading


def run(program, flag=None):
    """Runs a program in a shell that has set the flag, or has not."""
    env = {key: os.environ[key] for key in os.environ if key != loading.FLAG}
    if flag is not None:
        env[loading.FLAG] = flag
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=env,
    )
    assert ended.returncode == 0, ended.stderr
    return " ".join(ended.stdout.split())


ASK = """
import os, sys
import keras, keras_cem
import tensorflow as tf
from keras_cem.adapters import tf_agents as adapters
assert "tf_agents" not in sys.modules
{before}
try:
    adapters.CEMPolicy
except ImportError as error:
    print(error)
print(os.environ.get("TF_USE_LEGACY_KERAS"))
"""


def test_asking_for_a_class_sets_what_it_needs_and_leaves_it_so():
    said = run(
        ASK.format(before="assert 'TF_USE_LEGACY_KERAS' not in os.environ")
        + """
from tf_agents.networks import q_network
from tf_agents.specs import tensor_spec
network = q_network.QNetwork(
    tensor_spec.TensorSpec((4,), tf.float32),
    tensor_spec.BoundedTensorSpec((), tf.int32, 0, 1),
)
network.create_variables()
print(tf.keras.Model.__module__.partition(".")[0], keras.__version__[:2])
print(len(network.variables))
"""
    )
    # TF-Agents' own networks work as well: two layers of 75 and 40, and logits.
    assert said == "1 tf_keras 3. 6"


def test_tf_keras_in_use_as_keras_3_is_refused():
    said = run(ASK.format(before="tf.keras.layers"))
    assert "`tf.keras` was already loaded, as Keras 3." in said
    assert "Set TF_USE_LEGACY_KERAS=1 before anything uses `tf.keras`" in said
    # The environment is what it was.
    assert said.endswith("'keras-cem[tf-agents]'`. None")


def test_the_failure_of_tensorflow_probability_is_explained():
    said = run(ASK.format(before=""), flag="0")
    assert "AttributeError: module 'keras._tf_keras.keras' has no" in said
    assert "Received: TF_USE_LEGACY_KERAS='0', tf-agents 0.19.0, " in said
    assert "tensorflow-probability 0.23.0, tf-keras 2.21.0, " in said
    assert "Set TF_USE_LEGACY_KERAS=1 before anything uses `tf.keras`" in said
    assert said.endswith("'keras-cem[tf-agents]'`. 0")


def test_a_missing_tf_keras_names_the_extra(monkeypatch):
    monkeypatch.delitem(sys.modules, "tf_agents")
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == "tf_keras" else find(name),
    )
    with pytest.raises(
        ImportError, match=r"needs tf-keras.*'keras-cem\[tf-agents\]'"
    ):
        loading.load()
