"""How many flags there are, and how the help groups them."""

import re

import pytest
from absl import flags

from keras_cem.cli.commands import train, tune
from keras_cem.cli.flags import flag_groups
from keras_cem.cli.flags.flag_groups import Group
from keras_cem.cli.main import main


def defined(command):
    values = flags.FlagValues()
    command.define_flags(values)
    return values


def sections(text):
    """Names of flags by the heading that they stand below, in order."""
    found = {}
    for line in text.splitlines():
        if heading := re.fullmatch(r"(\w+):", line):
            found[heading[1]] = []
        elif flag := re.match(r"  --(?:\[no\])?(\w+):", line):
            found[list(found)[-1]].append(flag[1])
    return found


def test_train_has_at_most_50_flags():
    assert len(list(defined(train))) <= 50


@pytest.mark.parametrize(
    ("name", "command", "subjects"),
    [
        (
            "train",
            train,
            "environment method network optimizer exploration evaluation "
            "output",
        ),
        (
            "tune",
            tune,
            "environment method network optimizer exploration evaluation "
            "search output",
        ),
    ],
)
def test_help_groups_every_flag_once_by_subject(
    name, command, subjects, capsys
):
    assert main([name, "--help"]) == 0
    text = capsys.readouterr().out.partition("Flags:")[2]
    found = sections(text)
    assert list(found) == subjects.split()
    listed = [flag for names in found.values() for flag in names]
    assert sorted(listed) == sorted(defined(command))
    assert max(map(len, text.splitlines())) <= 80


def test_flags_stand_where_one_looks_for_them():
    found = sections(flag_groups.help_text(defined(train)))
    for subject, names in {
        "environment": {"env", "num_envs", "max_episode_steps"},
        "method": {"batch_size", "elite_quantile", "agent_kwargs"},
        "network": {"hidden_units", "activation", "network"},
        "optimizer": {"optimizer", "gradient_steps", "fit_kwargs"},
        "exploration": {"epsilon", "epsilon_schedule"},
        "evaluation": {"stop_at", "validation_episodes", "episodes"},
        "output": {"output", "resume", "video"},
    }.items():
        assert names <= set(found[subject])


def test_help_says_what_values_a_flag_takes():
    values = flags.FlagValues()
    flags.DEFINE_integer("port", 8, "Where.", 0, 99, flag_values=values)
    flags.DEFINE_multi_string("run", None, "Which run.", flag_values=values)
    group = Group(values, "method")
    group.count("size", 3, "How large.", least=2)
    group.switch("fast", None, "Whether.")
    group.choice("kind", "a", ["a", "b"], "Which.")
    assert flag_groups.help_text(values).splitlines()[1:-2] == [
        "  --port: Where.",
        "    (an integer from 0 to 99; default: 8)",
        "  --run: Which run.",
        "",
        "method:",
        "  --size: How large.",
        "    (an integer, at least 2; default: 3)",
        "  --[no]fast: Whether.",
        "  --kind: <a|b>: Which.",
        "    (default: a)",
    ]
