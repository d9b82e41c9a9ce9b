"""Flags of the options of the method."""

import dataclasses
import json

import pytest

from keras_cem.agent.options import OPTIONS
from keras_cem.cli.flags import TABLE, from_flags, train_flags
from keras_cem.utils.option_fields import Flag, option
from keras_cem.utils.option_kinds import Layer
from tests.cli.parsing import parsed
from tools import option_table


def test_an_option_is_a_flag_or_a_key():
    values = parsed()
    keys = values["agent_kwargs"].parser.keys
    for name, each in OPTIONS.items():
        if not each.kind.is_json:
            assert name not in keys
            assert name not in values
            continue
        if each.flag is None:
            assert (name in keys) != (name in values)
            continue
        assert name not in keys
        (group,) = [
            group
            for group, found in values.flags_by_module_dict().items()
            if name in [flag.name for flag in found]
        ]
        assert group == each.flag.subject
        default = (
            each.default if each.flag.default is ... else each.flag.default
        )
        assert values[name].default == default
        assert values[name].help.endswith(each.flag.help)


def test_flags_reach_the_agent():
    agent = from_flags.agent(
        parsed("--elite_quantile=0.6", "--minibatch_size=9", "--seed=3")
    )
    assert (agent.elite_quantile, agent.minibatch_size) == (0.6, 9)
    assert (agent.gradient_steps, agent.seed) == (10, 3)


def test_the_table_is_as_declared():
    """If not: python -m tools.option_table."""
    assert json.loads(json.dumps(option_table.table())) == TABLE


def test_schedules_of_epsilon_are_those_of_the_flag():
    for name in train_flags.EPSILON_SCHEDULES:
        schedule = from_flags.epsilon_schedule(
            parsed(f"--epsilon_schedule={name}", "--epsilon=0.5")
        )
        assert float(schedule(0)) == 0.5


def test_a_layer_is_no_flag():
    field = option(None, Layer(), "", flag=Flag("method", "A layer."))
    assert isinstance(field, dataclasses.Field)
    declared = field.metadata["option"]
    with pytest.raises(TypeError, match="`flag` of `critic` must be None"):
        option_table.describe("critic", declared, declared.flag)
