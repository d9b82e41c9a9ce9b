"""--network and --agent_kwargs."""

import inspect

import pytest
from absl import flags

import keras_cem as cem
from keras_cem.cli.flags import from_flags, json_flags
from keras_cem.cli.main import main
from tests.cli.parsing import parsed

BOTH = pytest.mark.parametrize("name", ["network", "agent_kwargs"])


def refused(argument):
    with pytest.raises(flags.IllegalFlagValueError) as error:
        parsed(argument)
    return str(error.value)


def test_they_are_arguments_of_the_network_and_the_agent():
    agent = from_flags.agent(
        parsed(
            '--network={"dropout": 0.25, "kernel_initializer": "zeros"}',
            '--agent_kwargs={"persistence": 7, "loss_normalization": "pair"}',
        )
    )
    same = cem.CEMAgent.from_env(
        "CartPole-v1",
        network={"dropout": 0.25, "kernel_initializer": "zeros"},
        persistence=7,
        loss_normalization="pair",
    )
    assert agent.loss_normalization == same.loss_normalization == "pair"
    assert agent.get_config()["persistence"] == 7
    assert type(agent.head) is type(same.head)
    found, expected = (
        [type(layer).__name__ for layer in each.policy.layers]
        for each in (agent, same)
    )
    assert found == expected
    assert not agent.policy.get_weights()[0].any()


@BOTH
def test_every_argument_is_a_key_or_a_flag(name):
    function = {
        "network": cem.networks.default_policy,
        "agent_kwargs": cem.CEMAgent,
    }[name]
    options = {
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    # Nothing that a command line could say of these.
    options -= {"name", "observation_space", "critic"}
    if name == "network":
        options -= {"action_scale"}
    values = parsed()
    keys = set(values[name].parser.keys)
    assert keys == {each for each in options if each not in values}
    assert keys


@pytest.mark.parametrize(
    ("argument", "key"),
    [
        ('--network={"hidden_units": 3}', "hidden_units"),
        ('--network={"seed": 3}', "seed"),
        ('--agent_kwargs={"epsilon": 0.1}', "epsilon"),
        ('--agent_kwargs={"elite_quantile": 0.1}', "elite_quantile"),
        ('--agent_kwargs={"network": 0.1}', "network"),
    ],
)
def test_keys_with_a_flag_of_their_own_are_refused_naming_it(argument, key):
    expected = f"`{key}` has its own flag. Use --{key} instead."
    assert expected in refused(argument)


@BOTH
def test_unknown_keys_are_refused_with_those_that_exist(name):
    message = refused(f'--{name}={{"unit": 3}}')
    assert "Received: 'unit'" in message
    keys = parsed()[name].parser.keys
    assert f"Each key must be one of {', '.join(keys)}." in message


@BOTH
@pytest.mark.parametrize(
    "text",
    ["", "{", "{dropout: 0.1}", "{'dropout': 0.1}", "[1]", "3", "null", '"x"'],
)
def test_what_is_no_json_object_is_refused_with_the_text_and_cure(name, text):
    message = refused(f"--{name}={text}")
    assert "must be a JSON object. Received: " in message
    assert text in message
    assert f"single quotes, as in --{name}='{{\"" in message


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("1e999", "must be finite and between -4294967295 and 4294967295"),
        ("NaN", "must be finite"),
        ("-Infinity", "must be finite"),
        ("1" + "0" * 400, "must be finite"),
        ("1" + "0" * 5000, "must be a JSON object"),
        ("[1, 1e999]", "must be finite"),
        ('{"class_name": "Zeros"}', "must be a number, a string, true"),
        ("[[1]]", "must be a number, a string, true"),
        ('1, "l1": 2', "`l1` appears twice"),
        ("[" * 100_000, "is nested too deeply"),
    ],
)
def test_values_that_cannot_be_are_refused(value, message):
    assert message in refused(f'--network={{"l1": {value}}}')


def test_what_the_library_refuses_is_refused_before_a_folder_is_made(
    tmp_path, capsys
):
    folder = tmp_path / "run"
    train = ["train", "--env=CartPole-v1", f"--output={folder}"]
    assert main([*train, '--agent_kwargs={"correlation": 0.5}']) == 2
    assert "correlation=0.5" in capsys.readouterr().err
    assert not folder.exists()


def test_given_names_are_those_of_flags_and_keys():
    values = parsed("--epochs=3", '--agent_kwargs={"persistence": 3}')
    assert json_flags.given(values) == {
        "agent_kwargs",
        "env",
        "epochs",
        "persistence",
    }


def test_a_key_is_read_and_set_as_a_flag_is():
    values = parsed('--agent_kwargs={"entropy_coefficient": 0.5}')
    assert json_flags.get(values, "batch_size") == 16
    assert json_flags.get(values, "persistence") == 1
    json_flags.put(values, "persistence", 9)
    assert json_flags.get(values, "persistence") == 9
    json_flags.put(values, "entropy_coefficient", 0.0)
    assert values.agent_kwargs == {"persistence": 9}
    # The default of the flag is another object.
    assert parsed().agent_kwargs == {}


def test_keys_that_were_given_prevail_over_others():
    flag = parsed('--network={"l1": 0.5}')["network"]
    new = json_flags.add(flag, {"l1": 0.1, "l2": 0.2})
    assert new == {"l2": 0.2}
    assert flag.value == {"l1": 0.5, "l2": 0.2}


def test_more_arguments_of_fit_reach_compile_and_the_engine():
    values = parsed(
        "--env=Pendulum-v1",
        '--fit_kwargs={"loss": "huber", "jit_compile": false, '
        '"step_timeout": 9}',
    )
    agent = from_flags.agent(values)
    assert (agent.loss, agent.jit_compile) == ("huber", False)
    assert from_flags.playing(values)["step_timeout"] == 9
    assert from_flags.fit_arguments(values)["max_env_restarts"] is None


def test_no_key_is_of_two_flags():
    keys = [
        key for name in json_flags.KEYS for key in parsed()[name].parser.keys
    ]
    assert len(keys) == len(set(keys))
