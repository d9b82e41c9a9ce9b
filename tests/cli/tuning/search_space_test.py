"""What `keras-cem tune` searches."""

import json
import pathlib
import re

import pytest

from keras_cem.cli.console import CommandError
from keras_cem.cli.flags import json_flags
from keras_cem.cli.tuning import search_space
from keras_cem.cli.tuning.search_space import SPACE, Choices, Numbers
from tests.cli.parsing import parsed

PAGE = pathlib.Path(__file__).parents[3] / "docs" / "presets.md"


def space(*arguments, asked=None):
    values = parsed(*arguments)
    return search_space.space(values, json_flags.given(values), asked)


# Searched with elite steps alone.
OF_STEPS = {"gradient_epochs", "critic_epochs", "gae_lambda"}


@pytest.mark.parametrize("name", SPACE)
def test_ends_and_choices_are_values_of_a_flag(name):
    values, each = parsed(), SPACE[name]
    tried = each.values if isinstance(each, Choices) else (each.low, each.high)
    for value in tried:
        copy = search_space.changed(values, {name: value})
        written = search_space.base(copy, {name: each})
        assert written == {name: value}


def test_page_states_the_space():
    stated = dict(
        re.findall(r"^\| `(\w+)` \| (.*?) \|$", PAGE.read_text(), re.M)
    )
    for name, each in SPACE.items():
        if isinstance(each, Numbers):
            expected = f"{each.low:g} to {each.high:g}"
            expected += ", on a log scale" if each.log else ""
        else:
            expected = ", ".join(
                {None: "not given", "": "none"}.get(value, str(value).lower())
                if value in (None, "")
                else f"`{str(value).lower()}`"
                for value in each.values
            )
        assert stated[name] == expected
    assert set(stated) == set(SPACE)


@pytest.mark.slow
def test_discrete_actions_are_searched_otherwise_than_a_box():
    discrete, box = space(), space("--env=Pendulum-v1")
    assert set(SPACE) - set(discrete) == {"noise", "imitate", *OF_STEPS}
    assert set(SPACE) - set(box) == {
        "persistence",
        "entropy_coefficient",
        *OF_STEPS,
    }


def test_flags_that_are_given_are_not_searched():
    found = space("--batch_size=16", "--learning_rate=0.5")
    assert set(SPACE) - set(found) == {
        "batch_size",
        "learning_rate",
        "noise",
        "imitate",
        *OF_STEPS,
    }


@pytest.mark.slow
def test_what_contradicts_the_other_flags_is_not_searched():
    found = space('--agent_kwargs={"episodes_per_start": 10}')
    assert {"elite_memory", "elite_memory_age"} & set(found) == set()
    assert found["batch_size"] == Numbers(20, 510, step=10)


@pytest.mark.slow
def test_with_elite_steps_epochs_are_searched_and_what_ranks_episodes_is_not():
    found = set(space("--elite_unit=step"))
    assert found >= OF_STEPS
    assert not found & {"gradient_steps", "elite_memory"}
    given = space("--elite_unit=step", "--gradient_steps=3")
    assert "gradient_epochs" not in given


def test_values_of_flags_are_among_those_that_are_tried():
    values = parsed("--batch_size=1000", "--hidden_units=7,7")
    asked = ["batch_size", "hidden_units"]
    found = search_space.space(values, (), asked)
    assert found["batch_size"] == Numbers(16, 1000, log=True)
    assert found["hidden_units"].values[-1] == "7,7"
    assert search_space.base(values, found) == {
        "batch_size": 1000,
        "hidden_units": "7,7",
    }


def test_multiples_are_two_at_least():
    assert Numbers(16, 512, log=True).multiples_of(1000) == (
        Numbers(1000, 2000, step=1000)
    )


def test_only_what_is_asked_for_is_searched():
    assert list(space(asked=["gradient_steps"])) == ["gradient_steps"]


@pytest.mark.parametrize("name", ["epochs", "wobbly", "batch_size"])
def test_names_that_cannot_be_searched_are_refused(name):
    with pytest.raises(
        CommandError, match="must name settings from batch_size, "
    ) as e:
        space("--batch_size=16", asked=[name])
    assert f"Received: --search={name}" in str(e.value)


def test_what_was_asked_for_in_vain_is_told_why():
    with pytest.raises(ValueError, match="noise"):
        space(asked=["noise"])
    with pytest.raises(
        ValueError, match="`elite_memory_age` needs `elite_memory`"
    ):
        space(asked=["elite_memory_age"])


def test_nothing_to_search_is_refused():
    values, folded = parsed(), {}
    everything = ["--normalize_observations"]
    for name, each in SPACE.items():
        if name in OF_STEPS:
            continue
        if name not in values and name not in ("noise", "imitate"):
            folded[name] = each.probe
        elif name in values and name != "normalize_observations":
            everything.append(f"--{name}={each.probe}")
    assert set(folded) == {
        "elite_memory",
        "elite_memory_age",
        "persistence",
        "entropy_coefficient",
    }
    with pytest.raises(CommandError, match="must be left to search"):
        space(*everything, f"--agent_kwargs={json.dumps(folded)}")


def test_changed_flags_leave_those_that_they_are_of():
    values = parsed("--minibatch_size=64")
    copy = search_space.changed(
        values, {"minibatch_size": None, "hidden_units": "3,4"}
    )
    assert (copy.minibatch_size, copy.hidden_units) == (None, ["3", "4"])
    assert (values.minibatch_size, values.hidden_units) == (64, ["128"])
    assert copy.env == "CartPole-v1"
