"""Flags of the options of the method."""

import dataclasses

import pytest
from absl import flags

from keras_cem.agent.options import OPTIONS
from keras_cem.cli.flags import from_flags, option_flags
from keras_cem.cli.flags.flag_groups import Group
from keras_cem.utils.option_fields import Flag, option
from keras_cem.utils.option_kinds import Layer
from tests.cli.parsing import parsed


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


def test_a_layer_is_no_flag(monkeypatch):
    field = option(None, Layer(), "", flag=Flag("method", "A layer."))
    declared = {"critic": field.metadata["option"]}
    assert isinstance(field, dataclasses.Field)
    monkeypatch.setattr(option_flags, "OPTIONS", declared)
    with pytest.raises(TypeError, match="`flag` of `critic` must be None"):
        option_flags.define(Group(flags.FlagValues(), "method"))
