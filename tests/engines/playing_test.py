"""The arguments of playing, which `fit`, `evaluate` and `collect` share."""

import inspect
import re

import numpy as np
import pytest

import keras_cem as cem
from keras_cem.engines import playing
from keras_cem.engines.playing import PLAYING, Options, Playing
from tests.helpers import DISCRETE, make_agent

METHODS = {
    "fit": cem.CEMAgent.fit,
    "evaluate": cem.CEMAgent.evaluate,
    "collect": cem.CEMAgent.collect,
}


def test_types_are_those_of_the_options():
    types = {field: Options.__annotations__[field] for field in PLAYING}
    assert Playing.__annotations__ == types


def test_integers_of_numpy_become_ints():
    made = Options(np.int64(4), num_envs=np.int32(2), step_timeout=1)
    assert type(made.num_envs) is int
    assert type(made.step_timeout) is float


@pytest.mark.parametrize("name", METHODS)
def test_signatures_show_every_argument_with_its_default(name):
    shown = inspect.signature(METHODS[name]).parameters
    for argument, each in PLAYING.items():
        assert shown[argument].default == each.default
        assert shown[argument].kind is inspect.Parameter.KEYWORD_ONLY


def test_fit_documents_every_argument():
    text = " ".join(cem.CEMAgent.fit.__doc__.split())
    for argument, each in PLAYING.items():
        assert f" {argument}: {each.help} Defaults to `" in text
    assert max(map(len, cem.CEMAgent.fit.__doc__.splitlines())) <= 80


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("x", ["ToySeeded-v0", np.zeros((2, 3), np.float32)])
def test_unknown_arguments_are_refused_as_python_does(name, x):
    agent = make_agent(DISCRETE)
    expected = f"{name}() got an unexpected keyword argument 'num_env'"
    with pytest.raises(TypeError, match=re.escape(expected)):
        getattr(agent, name)(x, num_env=3)


@pytest.mark.parametrize("name", ["fit", "evaluate"])
@pytest.mark.parametrize("argument", PLAYING)
def test_nothing_is_played_on_arrays(name, argument):
    agent = make_agent(DISCRETE)
    value = "host" if argument == "engine" else 1
    expected = f"`{argument}` is for an environment only. Received: {argument}="
    with pytest.raises(ValueError, match=expected):
        getattr(agent, name)(np.zeros((2, 3), np.float32), **{argument: value})


def test_defaults_are_not_refused_on_arrays():
    defaults = {name: each.default for name, each in PLAYING.items()}
    assert playing.refuse_given(defaults) is None
