"""The arguments of `fit`, without a `fit`."""

import types

import numpy as np
import pytest

from keras_cem.agent.fit_arguments import FitArguments

DEFAULTS = {
    "batch_size": None,
    "epochs": 1,
    "verbose": "auto",
    "callbacks": None,
    "validation_data": None,
    "initial_epoch": 0,
    "steps_per_epoch": None,
    "validation_steps": None,
    "validation_batch_size": None,
    "validation_freq": 1,
    "resume_from": None,
    "playing": {},
    "y": None,
    "validation_split": 0.0,
    "shuffle": True,
    "class_weight": None,
    "sample_weight": None,
}


def arguments(x="CartPole-v1", **given):
    return FitArguments(**{**DEFAULTS, "x": x, **given})


def state(**values):
    return types.SimpleNamespace(**{"epochs": 0, "executions": 0, **values})


def test_an_epoch_has_one_iteration_if_nothing_is_said():
    assert arguments().steps == 1
    assert arguments(steps_per_epoch=5).steps == 5


def test_an_environment_is_told_from_data():
    assert arguments().is_on_env()
    assert not arguments(np.zeros((2, 3))).is_on_env()
    with pytest.raises(TypeError, match="Received: x=None"):
        arguments(None).is_on_env()


def test_keras_gets_all_arguments_for_arrays():
    x, y = np.zeros((2, 3)), np.zeros(2)
    given = arguments(x, y=y, epochs=3, shuffle=False).on_arrays()
    assert given["x"] is x
    assert given["y"] is y
    assert (given["epochs"], given["shuffle"]) == (3, False)
    left_out = {"playing", "resume_from"}
    assert given.keys() == {"x", *DEFAULTS} - left_out


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"playing": {"num_envs": 2}}, "num_envs=2"),
        ({"resume_from": "folder"}, "resume_from='folder'"),
    ],
)
def test_arguments_for_environments_are_refused_on_arrays(given, message):
    with pytest.raises(ValueError, match=message):
        arguments(np.zeros((2, 3)), **given).on_arrays()


def test_an_environment_does_not_validate_arrays():
    given = arguments(np.zeros((2, 3)), validation_data="CartPole-v1")
    with pytest.raises(TypeError, match="validation_data='CartPole-v1'"):
        given.on_arrays()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"y": 1}, "y=1"),
        ({"validation_split": 0.5}, r"validation_split=0\.5"),
        ({"shuffle": False}, "shuffle=False"),
        ({"class_weight": {0: 1.0}}, "class_weight="),
        ({"sample_weight": 2}, "sample_weight=2"),
    ],
)
def test_arguments_for_arrays_are_refused_on_environments(given, message):
    with pytest.raises(ValueError, match=message):
        arguments(**given).refuse_arrays_only()


def test_default_arguments_are_taken():
    arguments().refuse_arrays_only()
    arguments().check_on_env()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"epochs": 0}, "epochs=0"),
        ({"initial_epoch": -1}, "initial_epoch=-1"),
        ({"steps_per_epoch": 0}, "steps_per_epoch=0"),
        ({"batch_size": 1}, "batch_size=1"),
        ({"validation_steps": 2}, "validation_steps=2"),
        ({"validation_freq": 0}, "validation_freq=0"),
    ],
)
def test_what_is_out_of_range_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        arguments(**given).check_on_env()


def test_a_resumed_training_goes_on(tmp_path):
    given = arguments(epochs=3, steps_per_epoch=4, resume_from=tmp_path)
    assert given.checkpoints() == tmp_path.resolve()
    given.check_resumed(state(epochs=3, executions=2), steps_per_execution=2)
    with pytest.raises(ValueError, match="at least 4, the number"):
        given.check_resumed(state(epochs=4), steps_per_execution=2)
    with pytest.raises(ValueError, match="steps_per_epoch=4"):
        given.check_resumed(state(executions=3), steps_per_execution=2)


def test_the_first_epoch_is_that_of_the_checkpoint(tmp_path):
    given = arguments(initial_epoch=1, resume_from=tmp_path)
    with pytest.raises(ValueError, match="initial_epoch=1"):
        given.checkpoints()


@pytest.mark.parametrize("folder", ["", 3])
def test_a_folder_is_a_path(folder):
    with pytest.raises(TypeError, match=f"resume_from={folder!r}"):
        arguments(resume_from=folder).checkpoints()
