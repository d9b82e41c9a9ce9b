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
    card,
    evaluate,
    export,
    list_environments,
    playground,
    plot,
    push,
    record,
    report,
    train,
    tune,
)
from tests import docstrings, processes, scripts

ROOT = pathlib.Path(__file__).parents[1]
COMMANDS = {
    "train": train,
    "evaluate": evaluate,
    "export": export,
    "card": card,
    "push": push,
    "list": list_environments,
    "playground": playground,
    "plot": plot,
    "record": record,
    "report": report,
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
    found = re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)
    # A backslash at the end of a line continues a command.
    return [re.sub(r"\\\n\s*", "", block) for block in found]


@pytest.mark.parametrize(
    "document",
    [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
        if re.search("^keras-cem ", path.read_text(), re.M)
    ],
)
def test_commands_of_a_page_parse(document):
    commands = [
        shlex.split(line, comments=True)
        for block in blocks(document, "(?:bash|shell)")
        for line in block.splitlines()
        if line.startswith("keras-cem ")
    ]
    assert commands
    for program, name, *arguments in commands:
        values = flags.FlagValues()
        COMMANDS[name].define_flags(values)
        assert values([program, *arguments]) == [program]


def test_lecture_shows_lines_of_the_textbook():
    page = (ROOT / "docs" / "lecture.md").read_text()
    script = (ROOT / "examples" / "textbook_cem.py").read_text()
    shown = re.findall(r"^\| [^|`]*(?:\\\|[^|`]*)* \| `(.*)` \|$", page, re.M)
    lines = [line for line in shown if "(" in line or "[" in line]
    assert len(lines) == 9
    for line in lines:
        assert line.replace("\\|", "|") in script


def test_messages_of_troubleshooting_are_those_of_the_package():
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    table = page.split("| message | cure |")[1].split("\n\n")[0]
    shown = re.findall(r"^\| (?:`` (.*?) ``|`([^`]+)`)", table, re.M)
    messages = {two or one for two, one in shown}
    # Keras' and Python's own.
    messages -= {"An attempt has been made to start a new process"}
    sources = "".join(
        path.read_text() for path in (ROOT / "keras_cem").rglob("*.py")
    )
    assert len(messages) >= 4
    assert {each for each in messages if each not in sources} == set()


def links(document):
    text = re.sub(r"```.*?```", "", (ROOT / document).read_text(), flags=re.S)
    inline = re.findall(r"\]\(([^)\s]+)\)", text)
    return inline + re.findall(r"^\[[^\]]+\]: (\S+)$", text, re.M)


@pytest.mark.parametrize(
    "document", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"]
)
def test_links_lead_somewhere(document):
    """`tests/site_test.py` follows those of the site."""
    for link in links(document):
        name = re.sub(
            r"^https://(?:raw\.githubusercontent|github)\.com/keras-cem/"
            r"keras-cem/(?:blob/|tree/)?main/",
            "",
            link,
        )
        assert name.startswith("https://") or (ROOT / name).exists(), link


def test_links_of_the_readme_work_on_a_package_index():
    assert all(link.startswith("https://") for link in links("README.md"))


SHORT = ("--epochs=2", "--batch_size=4")


@pytest.mark.slow
def test_example_runs_as_a_script(tmp_path):
    saved = tmp_path / "agent.keras"
    script = ROOT / "examples" / "cartpole.py"
    ended = processes.run(script, *SHORT, f"--output={saved}", cwd=tmp_path)
    assert "loaded agent:" in ended.stdout
    assert saved.is_file()


@pytest.mark.slow
def test_example_runs(tmp_path, capsys):
    saved = tmp_path / "agent.keras"
    with scripts.loaded(ROOT / "examples" / "pendulum.py") as pendulum:
        scripts.run(pendulum, *SHORT, f"--output={saved}")
    assert "100 episodes: -" in capsys.readouterr().out
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
