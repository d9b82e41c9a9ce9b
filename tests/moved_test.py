"""What was public before it moved keeps its name."""

import importlib

import pytest

import keras_cem as cem
from keras_cem import moved


@pytest.mark.parametrize(("name", "current"), sorted(moved.MODULES.items()))
def test_both_names_are_one_module(name, current):
    module = importlib.import_module(current)
    assert getattr(cem, name) is module
    assert importlib.import_module(f"keras_cem.{name}") is module
    assert module.__name__ == module.__spec__.name == current


def test_modules_inside_a_package_that_moved_are_found():
    from keras_cem.pictures.plots import history

    assert importlib.import_module("keras_cem.plots.history") is history


def test_limit_of_sizes_that_is_set_under_its_old_name_holds(monkeypatch):
    from keras_cem.saving import size_limits

    monkeypatch.setattr(cem.limits, "MAX_SIZE", 7)
    assert size_limits.MAX_SIZE == 7


def test_other_names_are_not_found():
    with pytest.raises(ModuleNotFoundError, match=r"keras_cem\.plot"):
        importlib.import_module("keras_cem.plot")
