"""Docstrings of the modules that only this environment can import."""

import ast
import doctest
import importlib

import pytest

from tests import docstrings


@pytest.mark.parametrize("name", docstrings.NEED_TF_AGENTS)
def test_docstring_examples_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize(
    ("said", "default"), list(docstrings.defaults(docstrings.NEED_TF_AGENTS))
)
def test_docstring_states_the_default(said, default):
    assert ast.literal_eval(said) == default
