"""What README, examples and docstrings show is run, and true."""

import ast
import doctest
import importlib
import math
import pathlib
import pkgutil
import re
import shlex

import pytest
from absl import flags

import keras_cem
from keras_cem.cli.commands import (
    evaluate,
    export,
    list_environments,
    train,
    tune,
)
from tests import docstrings, processes

ROOT = pathlib.Path(__file__).parents[1]
COMMANDS = {
    "train": train,
    "evaluate": evaluate,
    "export": export,
    "list": list_environments,
    "tune": tune,
}
# Needs a package of an extra, or is run as a command.
MODULES = [
    module.name
    for module in pkgutil.walk_packages(keras_cem.__path__, "keras_cem.")
    if module.name not in docstrings.NEED_TF_AGENTS
]


def blocks(document, language):
    text = (ROOT / document).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


@pytest.mark.parametrize(
    ("document", "shown"),
    [
        ("README.md", {"train", "evaluate", "export", "list"}),
        ("docs/presets.md", {"train", "list", "tune"}),
    ],
)
def test_commands_of_a_page_parse(document, shown):
    commands = [
        shlex.split(line, comments=True)
        for block in blocks(document, "bash")
        for line in block.splitlines()
        if line.startswith("keras-cem ")
    ]
    assert {command[1] for command in commands} == shown
    for program, name, *arguments in commands:
        values = flags.FlagValues()
        COMMANDS[name].define_flags(values)
        assert values([program, *arguments]) == [program]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("example", "arguments", "printed"),
    [
        ("cartpole.py", ["--epochs=2", "--batch_size=4"], "loaded agent:"),
        ("pendulum.py", ["--epochs=2", "--batch_size=4"], "100 episodes: -"),
    ],
)
def test_example_runs(example, arguments, printed, tmp_path):
    saved = tmp_path / "agent.keras"
    script = ROOT / "examples" / example
    ended = processes.run(script, *arguments, f"--output={saved}", cwd=tmp_path)
    assert printed in ended.stdout
    assert saved.is_file()


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_run(name):
    outcome = doctest.testmod(importlib.import_module(name))
    assert outcome.failed == 0


@pytest.mark.parametrize(
    ("said", "default"), list(docstrings.defaults(MODULES))
)
def test_docstring_states_the_default(said, default):
    if default is None:
        # Filled in later: the docstring says with what.
        return
    infinite = {"math.inf": math.inf, "-math.inf": -math.inf}
    value = infinite[said] if said in infinite else ast.literal_eval(said)
    assert value == default
