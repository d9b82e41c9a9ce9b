"""Private names of other packages stand in one module a package."""

import ast
import pathlib
import re

import pytest

import keras_cem
from keras_cem.utils import (
    gymnasium_internals,
    keras_internals,
    private_names,
    tensorflow_internals,
    tf_agents_internals,
)

PACKAGE = pathlib.Path(keras_cem.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
# Those modules, and no other.
INTERNALS = {
    PACKAGE / "utils" / f"{name}_internals.py"
    for name in ("gymnasium", "keras", "tensorflow", "tf_agents")
}
# Of `typing.NamedTuple` and `os`: private by their looks only.
DOCUMENTED = {"_asdict", "_fields", "_replace", "_exit"}
PRIVATE = re.compile(r"_[A-Za-z]\w*")
PRIVATE_MODULES = re.compile(r"\b(keras|gymnasium|tf_agents)\.(src\b|_\w)")
READERS = {"getattr", "setattr", "hasattr", "delattr"}


def _is_own(node):
    """Whether an attribute is read off `self`, `cls` or `super()`."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "super"
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def _is_private(value):
    return (
        isinstance(value, str)
        and PRIVATE.fullmatch(value) is not None
        and value not in DOCUMENTED
    )


def private_names_in(tree):
    """Lines on which a private name of another object is used."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            if _is_private(node.attr) and not _is_own(node.value):
                yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.Call):
            function = ast.unparse(node.func)
            if function in READERS and len(node.args) > 1:
                owner, name = node.args[:2]
                if (
                    isinstance(name, ast.Constant)
                    and _is_private(name.value)
                    and not _is_own(owner)
                ):
                    yield node.lineno, ast.unparse(node)
            for keyword in node.keywords:
                # Such as `_use_cached_eval_dataset` of Keras' `evaluate`.
                if _is_private(keyword.arg) and function != "set_untracked":
                    yield node.lineno, ast.unparse(node)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            text = ast.unparse(node).replace(" import ", ".")
            if PRIVATE_MODULES.search(text):
                yield node.lineno, ast.unparse(node)


@pytest.mark.parametrize(
    "line",
    [
        "env._max_episode_steps",
        "self.env._max_episode_steps",
        "model.optimizer._variables",
        "getattr(env, '_limit', None)",
        "setattr(model, '_initial_epoch', None)",
        "from keras.src.callbacks import history",
        "import keras.src",
        "from keras import src",
        "model.evaluate(x, _use_cached_eval_dataset=True)",
    ],
)
def test_private_names_are_seen(line):
    assert len(list(private_names_in(ast.parse(line)))) == 1


@pytest.mark.parametrize(
    "line",
    [
        "self._limit",
        "super()._step(action)",
        "getattr(self, '_session', None)",
        "state._replace(step=1)",
        "model.__dict__",
        "from keras import callbacks",
        "set_untracked(self, _session=None)",
    ],
)
def test_own_names_are_let_through(line):
    assert list(private_names_in(ast.parse(line))) == []


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path not in INTERNALS],
    ids=lambda path: path.relative_to(PACKAGE).as_posix(),
)
def test_private_names_stand_in_the_modules_for_them(path):
    found = list(private_names_in(ast.parse(path.read_text())))
    assert found == [], "move these to a module of keras_cem/utils"


def test_keras_tracking_is_passed_by_in_one_place():
    """But for frozen dataclasses, which have no other way."""
    users = [
        path.relative_to(PACKAGE).as_posix()
        for path in FILES
        if "object.__setattr__(" in path.read_text()
    ]
    assert users == [
        "envs/transition_table.py",
        "utils/keras_internals.py",
        "utils/option_fields.py",
    ]


@pytest.mark.parametrize(
    "module",
    [
        gymnasium_internals,
        keras_internals,
        tensorflow_internals,
        tf_agents_internals,
    ],
)
def test_each_name_has_the_version_that_it_was_seen_in(module):
    for name, version in module.NAMES.items():
        assert re.fullmatch(r"\w+(\.\w+)+", name)
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), name


def test_message_names_attribute_package_and_both_versions():
    names = {"Thing._part": "1.2.3"}
    with pytest.raises(RuntimeError) as error:
        private_names.read([7], "Thing._part", "pytest", names)
    assert str(error.value) == (
        "keras_cem needs `Thing._part` of pytest, which pytest 1.2.3 has. "
        f"Received: pytest {pytest.__version__} without it. Install "
        "pytest==1.2.3. It is missing in [7]."
    )
