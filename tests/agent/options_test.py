import ast
import dataclasses
import inspect
import json
import pathlib
import pydoc
import re

import keras
import numpy as np
import pytest

import keras_cem as cem
from keras_cem.agent import option_attributes
from keras_cem.agent.options import OPTIONS
from keras_cem.engines import groups
from keras_cem.utils import option_fields
from keras_cem.utils.option_fields import option
from keras_cem.utils.option_kinds import Boolean, Integer, Layer
from tests import processes, toy_envs  # noqa: F401 - registers them
from tests.helpers import BOX, DISCRETE, make_policy


def _agent(action_space=DISCRETE, **kwargs):
    return cem.CEMAgent(make_policy(action_space), action_space, **kwargs)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"episodes_per_start": 4, "episodes_per_policy": 2},
            "Received: episodes_per_start=4, episodes_per_policy=2",
        ),
        (
            {"elite_memory": 9, "episodes_per_start": 4},
            "Received: episodes_per_start=4, elite_memory=9",
        ),
        (
            {"elite_memory": 9, "episodes_per_policy": 4},
            "Received: episodes_per_policy=4, elite_memory=9",
        ),
        (
            {"elite_memory_age": 3},
            "Received: elite_memory_age=3, elite_memory=None",
        ),
        (
            {"persistence": 5, "episodes_per_policy": 4},
            "Received: persistence=5, episodes_per_policy=4",
        ),
        (
            {
                "noise": "correlated",
                "episodes_per_policy": 4,
                "action_space": BOX,
            },
            "Received: noise='correlated', episodes_per_policy=4",
        ),
    ],
)
def test_options_that_contradict_each_other_are_shown(given, message):
    with pytest.raises(ValueError, match=r"must be None if|needs `") as e:
        _agent(**given)
    assert message in str(e.value)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"discount": 0.0}, ValueError),
        ({"discount": 1.01}, ValueError),
        ({"discount": -0.5}, ValueError),
        ({"discount": float("nan")}, ValueError),
        ({"discount": "0.9"}, TypeError),
        ({"elite_quantile": None}, TypeError),
        ({"elite_memory": 0}, ValueError),
        ({"elite_memory": 2.5}, ValueError),
        ({"episodes_per_start": 1}, ValueError),
        ({"episodes_per_policy": 0}, ValueError),
        ({"normalize_observations": 1}, TypeError),
        ({"normalize_observations": "yes"}, TypeError),
    ],
)
def test_values_out_of_range_are_shown(given, kind):
    ((name, value),) = given.items()
    with pytest.raises(kind) as e:
        _agent(**given)
    shown = value if isinstance(value, float) else repr(value)
    assert f"`{name}` must be" in str(e.value)
    assert f"Received: {name}={shown}" in str(e.value)


def test_age_of_a_memory_is_at_least_one_iteration():
    with pytest.raises(ValueError, match="elite_memory_age=0"):
        _agent(elite_memory=5, elite_memory_age=0)


@pytest.mark.parametrize(
    ("size", "start", "policy", "suggested"),
    [(10, 4, None, 8), (3, 4, None, 4), (10, None, 4, 8), (4, None, 4, 8)],
)
def test_batch_size_that_groups_do_not_fill(size, start, policy, suggested):
    with pytest.raises(ValueError, match=f"Received: batch_size={size}") as e:
        groups.check_batch_size(size, start, policy)
    assert f"Use batch_size={suggested}" in str(e.value)
    assert groups.check_batch_size(suggested, start, policy) is None


def test_batch_size_is_refused_by_fit():
    agent = cem.CEMAgent.from_env("ToySeeded-v0", episodes_per_start=4)
    agent.compile("sgd")
    with pytest.raises(ValueError, match="batch_size=6, episodes_per_start=4"):
        agent.fit("ToySeeded-v0", batch_size=6)


def test_integers_of_numpy_are_saved_as_numbers():
    agent = _agent(elite_memory=np.int64(3), elite_memory_age=np.int32(2))
    assert json.loads(json.dumps(agent.get_config()))["elite_memory"] == 3


def test_options_survive_get_config():
    given = {
        "discount": 0.5,
        "elite_memory": 7,
        "elite_memory_age": 3,
        "normalize_observations": True,
    }
    again = cem.CEMAgent.from_config(_agent(**given).get_config())
    assert {name: getattr(again, name) for name in given} == given
    for name in ("episodes_per_start", "episodes_per_policy"):
        agent = cem.CEMAgent.from_config(_agent(**{name: 4}).get_config())
        assert getattr(agent, name) == 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Declared:
    """Options of kinds that the method's own do not have."""

    horizon: int | None = option(
        None,
        Integer(1),
        "Number of steps.",
        unset="`10` for fast, else `100`",
        derive=lambda options: 10 if options.fast else 100,
    )
    fast: bool = option(False, Boolean(), "Whether to be fast.")
    critic: keras.Layer | None = option(None, Layer(), "A layer.")

    def __post_init__(self):
        option_fields.resolve(self)


def test_a_default_may_depend_on_another_option():
    assert _Declared().horizon == 100
    assert _Declared(fast=True).horizon == 10
    assert _Declared(fast=True, horizon=np.int64(7)).horizon == 7
    with pytest.raises(ValueError, match="Received: horizon=0"):
        _Declared(horizon=0)


def test_an_option_may_be_a_layer():
    made = _Declared(critic=keras.layers.Dense(3, name="critic"))
    config = option_fields.serialize(made)
    assert config == json.loads(json.dumps(config))
    again = _Declared(**option_fields.deserialize(_Declared, config))
    assert (again.horizon, again.fast) == (100, False)
    assert again.critic.get_config() == made.critic.get_config()
    with pytest.raises(TypeError, match=r"`critic` must be a `keras\.Layer`"):
        _Declared(critic="critic")


def test_weights_of_a_layer_among_the_options_are_tracked():
    class Owner(keras.layers.Layer):
        pass

    owner, critic = Owner(), keras.layers.Dense(3)
    critic.build((None, 2))
    option_attributes.set_attributes(owner, _Declared(critic=critic))
    assert owner.critic is critic
    assert [weight.shape for weight in owner.weights] == [(2, 3), (3,)]


def test_docstrings_state_options_with_their_defaults():
    @option_fields.documents(_Declared)
    class Documented:
        """Does it.

        Args:
            x: Data.
            **options: Options.
        """

    lines = inspect.cleandoc(Documented.__doc__).splitlines()
    assert lines[2:] == [
        "Args:",
        "    x: Data.",
        "    horizon: Number of steps. Defaults to `None`: `10` for fast, else",
        "        `100`.",
        "    fast: Whether to be fast. Defaults to `False`.",
        "    critic: A layer. Defaults to `None`.",
    ]


def test_signature_and_help_of_the_agent_show_every_option():
    shown = inspect.signature(cem.CEMAgent).parameters
    text = pydoc.plain(pydoc.render_doc(cem.CEMAgent))
    for name, each in OPTIONS.items():
        assert shown[name].kind is inspect.Parameter.KEYWORD_ONLY
        assert shown[name].default == each.default
        assert f" {name}: {each.help[:20]}" in " ".join(text.split())
    assert max(map(len, cem.CEMAgent.__doc__.splitlines())) <= 80


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        (cem.CEMAgent.__init__, option_attributes.AgentArguments),
        (cem.CEMAgent.from_env, option_attributes.FromEnvArguments),
    ],
)
def test_stated_arguments_are_those_of_the_method(method, arguments):
    shown = dict(inspect.signature(method).parameters)
    shown.pop("self", None)
    assert shown.popitem()[1].kind is inspect.Parameter.VAR_KEYWORD
    stated = inspect.signature(arguments).parameters
    for name, parameter in shown.items():
        assert (parameter.kind, parameter.default) == (
            stated[name].kind,
            stated[name].default,
        )
    of_layers = inspect.signature(keras.Layer.__init__).parameters
    for name in stated.keys() - shown.keys():
        assert stated[name].default == of_layers[name].default


def test_every_option_is_a_fixed_attribute():
    agent = _agent(gradient_steps=np.int64(3))
    for name in OPTIONS.keys() - {"epsilon"}:
        before = getattr(agent, name)
        with pytest.raises(
            AttributeError, match=f"`{name}` must keep its value"
        ):
            setattr(agent, name, before)
    assert type(agent.gradient_steps) is int
    assert agent.get_config().keys() >= OPTIONS.keys()


def _without_protocols(node):
    """All nodes but those of protocols, which say what a function reads."""
    if isinstance(node, ast.ClassDef) and "Protocol" in map(
        ast.unparse, node.bases
    ):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _without_protocols(child)


def test_no_option_is_declared_twice():
    """Agent and command line take names and defaults from `CEMOptions`."""
    package = pathlib.Path(cem.__file__).parent
    # Also arguments of `act` and `collect`, and of commands.
    names = OPTIONS.keys() - {"epsilon", "seed"}
    found = set()
    for folder in ("agent", "cli"):
        for path in (package / folder).rglob("*.py"):
            # The second narrows the types of options that are derived. Forms of
            # the playground begin with values of their own.
            derived = path.name in ("options.py", "option_attributes.py")
            if derived or path.parent.name == "playground":
                continue
            for node in _without_protocols(ast.parse(path.read_text())):
                if isinstance(node, ast.AnnAssign):
                    found.add((path.name, ast.unparse(node.target)))
                elif isinstance(node, ast.arguments):
                    given = len(node.defaults) + len(node.kw_defaults)
                    arguments = [*node.args, *node.kwonlyargs]
                    found |= {
                        (path.name, argument.arg)
                        for argument in arguments[len(arguments) - given :]
                    }
    assert found
    assert {each for each in found if each[1] in names} == set()


# Runs with one more field in `CEMOptions`.
NEW_OPTION = """
import importlib.util
import inspect
import pathlib
import sys


class Loader:
    def __init__(self, file):
        self.file = file

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        first = "    elite_quantile: float = option("
        field = (
            "    dummy: int = option(3, Integer(2), 'Does nothing.', "
            "flag=Flag('method', 'Nothing.', 5), search=Numbers(2, 9))\\n"
        )
        old = self.file.read_text()
        assert old.count(first) == 1
        new = old.replace(first, field + first)
        exec(compile(new, self.file, "exec"), vars(module))


class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "keras_cem.agent.options":
            file = pathlib.Path(path[0], "options.py")
            return importlib.util.spec_from_loader(name, Loader(file))


sys.meta_path.insert(0, Finder())
from absl import flags

import keras_cem as cem
from keras_cem.cli.flags import TABLE
from tools import option_table

# What `python -m tools.option_table` would write.
TABLE.update(option_table.table())
from keras_cem.cli.flags import flag_groups, from_flags, train_flags
from keras_cem.cli.tuning.search_space import SPACE

assert inspect.signature(cem.CEMAgent).parameters["dummy"].default == 3
assert "dummy: Does nothing. Defaults to `3`." in cem.CEMAgent.__doc__
agent = cem.CEMAgent.from_env("CartPole-v1", hidden_units=(), dummy=7)
assert cem.CEMAgent.from_config(agent.get_config()).dummy == 7
try:
    agent.dummy = 8
except AttributeError as error:
    assert "`dummy` must keep its value 7" in str(error)
else:
    raise AssertionError
try:
    cem.CEMAgent.from_env("CartPole-v1", dummy=1)
except ValueError as error:
    assert "`dummy` must be an integer of at least 2" in str(error)
else:
    raise AssertionError
values = flags.FlagValues()
train_flags.define_settings(values)
values(["train", "--env=CartPole-v1"])
assert "--dummy: Nothing." in flag_groups.help_text(values)
assert from_flags.agent(values).dummy == 5
assert (SPACE["dummy"].low, SPACE["dummy"].high) == (2, 9)
"""


@pytest.mark.slow
def test_a_new_option_needs_one_field():
    processes.run("-c", NEW_OPTION)


def test_pages_name_every_option():
    root = pathlib.Path(cem.__file__).parents[1]
    pages = [root / "README.md", *(root / "docs").glob("*.md")]
    text = "".join(page.read_text() for page in pages)
    words = set(re.findall(r"\w+", text))
    assert OPTIONS.keys() - words == set()
