import json

import pytest
from hypothesis import given

import keras_cem as cem
from tests import strategies
from tests.helpers import BOX, DISCRETE, OBSERVATION, make_policy


def _assert_round_trip(action_space, options):
    agent = cem.CEMAgent(
        make_policy(action_space),
        action_space,
        observation_space=OBSERVATION,
        **options,
    )
    config = json.loads(json.dumps(agent.get_config(), allow_nan=False))
    again = cem.CEMAgent.from_config(config)
    assert json.loads(json.dumps(again.get_config())) == config
    for name, value in options.items():
        assert config[name] == value
    assert again.seed == agent.seed


@pytest.mark.slow
@strategies.examples(12)
@given(strategies.discrete_options)
def test_configuration_of_discrete_actions(options):
    _assert_round_trip(DISCRETE, options)


@pytest.mark.slow
@strategies.examples(12)
@given(strategies.box_options)
def test_configuration_of_continuous_actions(options):
    _assert_round_trip(BOX, options)
