import configparser
import importlib.util
import pathlib
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem
from keras_cem.export import FORMATS
from tests.export import agents
from tests.helpers import DISCRETE

ROOT = pathlib.Path(__file__).parents[2]
PATHS = {
    "tf_saved_model": "policy",
    "onnx": "policy.onnx",
    "litert": "policy.tflite",
    "openvino": "policy",
}


@pytest.fixture(scope="module")
def agent():
    return agents.make_agent("float32", "discrete")


def _content(folder):
    """What lies in a folder, by relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_every_format_has_a_path_here():
    assert set(PATHS) == set(FORMATS)


@pytest.mark.parametrize("format", PATHS)
def test_export_that_fails_leaves_the_one_before(
    format, agent, tmp_path, monkeypatch
):
    path = tmp_path / PATHS[format]
    if FORMATS[format].suffix:
        path.write_bytes(b"whole")
    else:
        path.mkdir()
        (path / FORMATS[format].marker).write_bytes(b"whole")
    before = _content(tmp_path)

    def failing(endpoints, new):
        with open(new, "wb") as file:
            file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"{FORMATS[format].module}.write", failing)
    with pytest.raises(OSError, match="No space left"):
        agent.export(path, format=format)
    assert _content(tmp_path) == before


@pytest.mark.parametrize(
    "format",
    ["tf_saved_model", pytest.param("litert", marks=pytest.mark.slow)],
)
def test_export_replaces_an_earlier_one(format, agent, tmp_path):
    path = tmp_path / PATHS[format]
    agent.export(path, format=format)
    first = _content(tmp_path)
    kernel = agent.policy.layers[-1].kernel
    kernel.assign_add(tf.ones_like(kernel))
    agent.export(path, format=format)
    second = _content(tmp_path)
    assert first.keys() == second.keys()
    assert first != second


@pytest.mark.parametrize("format", PATHS)
def test_something_else_is_never_replaced(format, agent, tmp_path):
    path = tmp_path / PATHS[format]
    path.mkdir()
    (path / "thesis.txt").write_text("one")
    with pytest.raises(
        ValueError, match="`filepath` must not exist yet"
    ) as error:
        agent.export(path, format=format)
    assert f"Received: filepath={str(path)!r}" in str(error.value)
    assert _content(tmp_path) == {f"{PATHS[format]}/thesis.txt": b"one"}


@pytest.mark.parametrize("format", ["tf_saved_model", "openvino"])
def test_file_is_not_replaced_by_a_folder(format, agent, tmp_path):
    (tmp_path / "policy").write_text("one")
    with pytest.raises(
        ValueError, match="which is a file or folder of another kind"
    ):
        agent.export(tmp_path / "policy", format=format)
    assert (tmp_path / "policy").read_text() == "one"


@pytest.mark.parametrize("format", ["onnx", "litert"])
def test_suffix_of_another_format_is_refused(format, agent, tmp_path):
    suffix = re.escape(FORMATS[format].suffix)
    with pytest.raises(ValueError, match=f"must end in {suffix} for") as error:
        agent.export(tmp_path / "policy.xml", format=format)
    assert "policy.xml'" in str(error.value)


@pytest.mark.parametrize("format", ["onnx", "litert", "openvino"])
def test_missing_package_names_the_extra(format, agent, tmp_path, monkeypatch):
    missing = FORMATS[format].packages[-1]
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == missing else find_spec(name),
    )
    with pytest.raises(ImportError, match=f"needs {missing}. Install") as error:
        agent.export(tmp_path / "new" / PATHS[format], format=format)
    assert f"`pip install 'keras-cem[{format}]'`" in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_extras_bring_the_packages():
    """What an error tells people to install brings what was missing."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = config["options.extras_require"]
    for name, format in FORMATS.items():
        brought = re.findall(r"^[\w-]+", extras.get(name, ""), re.M)
        needed = {package.replace("_", "-") for package in format.packages}
        assert needed <= set(brought)


def test_agent_that_knows_no_observations_is_refused(tmp_path):
    policy = keras.Sequential([keras.layers.Dense(4)])
    agent = cem.CEMAgent(policy, DISCRETE)
    with pytest.raises(
        ValueError, match="needs the agent's observation sp"
    ) as e:
        agent.export(tmp_path / "policy")
    assert "Received: observation_space=None" in str(e.value)
    assert list(tmp_path.iterdir()) == []


def test_unknown_format_is_refused(agent, tmp_path):
    with pytest.raises(ValueError, match="`format` must be one of") as error:
        agent.export(tmp_path / "policy", format="punched_cards")
    assert "Received: format='punched_cards'" in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_verbose_says_where(agent, tmp_path, capsys):
    agent.export(tmp_path / "policy")
    assert capsys.readouterr().out == ""
    agent.export(tmp_path / "policy", verbose=True)
    assert f"Exported to {str(tmp_path / 'policy')!r}." in (
        capsys.readouterr().out
    )


def test_weights_are_those_of_now(agent, tmp_path):
    agent.export(tmp_path / "policy")
    loaded = tf.saved_model.load(tmp_path / "policy")
    (leaf,) = agents.draw_leaves("float32", 5)
    np.testing.assert_allclose(
        loaded.logits(tf.constant(leaf)),
        agent.predict(leaf, verbose=0),
        atol=1e-5,
    )
