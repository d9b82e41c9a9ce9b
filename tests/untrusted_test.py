"""Tricks that files from strangers play, each refused; see SECURITY.md."""

import ast
import io
import json
import pathlib
import resource
import shutil
import sys
import zipfile

import gymnasium
import h5py
import keras
import numpy as np
import pytest

import keras_cem as cem
from keras_cem import spaces
from keras_cem.cli.main import main
from keras_cem.saving import size_limits

PACKAGE = pathlib.Path(cem.__file__).parent
ENV = "CartPole-v1"
OBSERVATION = spaces.get(gymnasium.make(ENV).observation_space)
ACTIONS = spaces.Discrete(2)


def _agent(*layers):
    policy = keras.Sequential(
        [keras.Input(OBSERVATION.shape), *layers, keras.layers.Dense(2)]
    )
    return cem.CEMAgent(
        policy, ACTIONS, observation_space=OBSERVATION, seed=0, name="agent"
    )


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """What a run folder of a stranger looks like who means well."""
    folder = tmp_path_factory.mktemp("honest")
    _agent(keras.layers.Dense(3, name="hidden")).save(folder / "agent.keras")
    config = {"flags": {"env": ENV, "max_episode_steps": 5}}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def run(honest, tmp_path):
    """A copy to tamper with."""
    return shutil.copytree(honest, tmp_path / "run")


def _members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _write(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _rewrite(run, old, new):
    """Replaces text in the configuration of the agent."""
    members = _members(run / "agent.keras")
    config = members["config.json"].decode()
    assert old in config
    members["config.json"] = config.replace(old, new)
    _write(run / "agent.keras", members)


def _refused(run, capsys, command="export"):
    """The message with which a command refuses a run."""
    output = run.parent / "output"
    arguments = {"export": [f"--output={output}"], "evaluate": []}[command]
    before = sorted(run.parent.rglob("*"))
    assert main([command, f"--run={run}", *arguments]) == 2
    assert sorted(run.parent.rglob("*")) == before
    return capsys.readouterr().err


def test_honest_run_is_taken(run, capsys):
    assert main(["export", f"--run={run}", f"--output={run}/../new"]) == 0
    assert (run.parent / "new" / "saved_model.pb").is_file()


# Our own code


@pytest.mark.slow
def test_package_runs_no_code_from_data():
    """No pickle of files, `eval`, Lambda layer nor unsafe loading anywhere."""
    modules = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
    calls = {"eval", "exec", "compile", "__import__", "Lambda"}
    attributes = {"Lambda", "enable_unsafe_deserialization", "yaml"}
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = set()
            if isinstance(node, ast.Import):
                names = {alias.name.split(".")[0] for alias in node.names}
                names &= modules
            elif isinstance(node, ast.ImportFrom):
                names = {node.module.split(".")[0]} & modules
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                names = {node.func.id} & calls
            elif isinstance(node, ast.Attribute):
                names = {node.attr} & attributes
            elif isinstance(node, ast.keyword) and node.arg in (
                "safe_mode",
                "allow_pickle",
            ):
                safe = {"safe_mode": True, "allow_pickle": False}[node.arg]
                is_safe = (
                    isinstance(node.value, ast.Constant)
                    and node.value.value is safe
                )
                names = set() if is_safe else {node.arg}
            inside = path.relative_to(PACKAGE).as_posix()
            found += [f"{inside}: {name}" for name in names]
    # What this process made itself, never what is in a file.
    assert found == [
        "adapters/tf_agents/environments.py: cloudpickle",
        "adapters/worker_env.py: pickle",
    ]


# Code


def test_lambda_layer_is_refused(run, tmp_path, capsys):
    agent = _agent(keras.layers.Lambda(lambda x: x * 1.0))
    agent.save(run / "agent.keras")
    message = _refused(run, capsys)
    assert "agent.keras must hold an agent that can be loaded" in message
    assert "Lambda" in message


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "exec"),
        ("subprocess", "check_output"),
        ("keras.utils", "get_file"),
        ("keras.config", "enable_unsafe_deserialization"),
        ("keras_cem.cli.main", "main"),
    ],
)
@pytest.mark.parametrize("kind", ["function", "class"])
def test_callable_by_module_path_is_refused(module, name, kind, run, capsys):
    """As in CVE-2025-1550 and CVE-2025-8747."""
    config = {
        "function": {"class_name": "function", "config": name},
        "class": {"class_name": name, "config": {}},
    }[kind]
    config |= {"module": module, "registered_name": name}
    # Of the hidden layer.
    _rewrite(
        run, '"activation": "linear"', f'"activation": {json.dumps(config)}'
    )
    message = _refused(run, capsys)
    assert name in message
    assert "Could not locate" in message or "not a modeling func" in message


def test_layer_that_wraps_a_program_is_refused(run, capsys):
    members = _members(run / "agent.keras")
    config = json.loads(members["config.json"])
    config["config"]["policy"]["config"]["layers"][1] |= {
        "class_name": "TFSMLayer",
        "config": {"filepath": "/tmp/model"},
    }
    members["config.json"] = json.dumps(config)
    _write(run / "agent.keras", members)
    assert "deserialization of a `TFSMLayer`" in _refused(run, capsys)


def test_environment_in_a_module_is_not_imported(run, capsys):
    assert "antigravity" not in sys.modules
    config = {"flags": {"env": "antigravity:CartPole-v1"}}
    (run / "config.json").write_text(json.dumps(config))
    message = _refused(run, capsys, "evaluate")
    assert "Received: 'antigravity:CartPole-v1'" in message
    assert "--env=antigravity:CartPole-v1" in message
    assert "antigravity" not in sys.modules


# Files that are something else


def _as_hdf5(path):
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = "{}"


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (_as_hdf5, "BadZipFile"),
        (lambda path: path.write_bytes(b"\x80\x04]."), "BadZipFile"),
        (lambda path: path.write_bytes(b""), "BadZipFile"),
        (
            lambda path: _write(path, {"config.json": "{}"}),
            "the archive must hold",
        ),
    ],
    ids=["hdf5", "pickle", "empty", "part"],
)
def test_file_that_is_no_archive_of_an_agent_is_refused(
    write, said, run, capsys
):
    (run / "agent.keras").unlink()
    write(run / "agent.keras")
    assert said in _refused(run, capsys)


def test_model_of_another_class_is_not_even_built(run, capsys, monkeypatch):
    def load_model(*args, **kwargs):
        raise AssertionError("loaded")

    keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]).save(
        run / "agent.keras"
    )
    monkeypatch.setattr(keras.saving, "load_model", load_model)
    message = _refused(run, capsys)
    assert "must hold a CEMAgent. Received: Sequential" in message


@pytest.mark.parametrize(
    "member",
    ["../outside.txt", "/outside.txt", "assets/../../outside.txt", "extra.py"],
)
def test_further_members_of_an_archive_are_refused(member, run, capsys):
    members = _members(run / "agent.keras")
    _write(run / "agent.keras", {**members, member: b"text"})
    message = _refused(run, capsys)
    assert "the archive must hold" in message
    assert repr(member) in message


def test_member_that_unpacks_to_much_is_refused(run, capsys):
    members = _members(run / "agent.keras")
    members["config.json"] = b" " * 2**25 + members["config.json"]
    _write(run / "agent.keras", members)
    assert "config.json must have at most 16,777,216 by" in _refused(
        run, capsys
    )


# Sizes


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"units": 2', '"units": 1000000000', "268,435,456 weights"),
        ('"shape": [4]', '"shape": [1000000000000]', "67,108,864 elements"),
        ('"shape": [4]', '"shape": [1e400]', "67,108,864 elements"),
        ('"shape": [4]', '"shape": [1048576, 1048576]', "67,108,864 elements"),
        ('"n": 2', '"n": 1000000000000', "67,108,864 elements"),
    ],
    ids=["units", "shape", "infinite", "product", "n"],
)
def test_size_is_refused_before_memory_is_taken(old, new, said, run, capsys):
    _rewrite(run, old, new)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert said in _refused(run, capsys)
    # KiB on Linux: 1 GiB, where 4,000 to 4,000,000 were asked for.
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 2**20


def test_tensor_that_is_too_large_is_refused(run, capsys):
    _agent(
        keras.layers.RepeatVector(7), keras.layers.GlobalAveragePooling1D()
    ).save(run / "agent.keras")
    _rewrite(run, '"n": 7', '"n": 1000000000')
    message = _refused(run, capsys)
    assert "at most 268,435,456 numbers in a tensor" in message
    assert "Received: policy='sequential" in message


def test_limit_can_be_raised_by_who_trusts_the_agent(run, monkeypatch):
    monkeypatch.setattr(size_limits, "MAX_SIZE", 10)
    with pytest.raises(ValueError, match="at most 10 weights"):
        keras.saving.load_model(run / "agent.keras")
    monkeypatch.setattr(size_limits, "MAX_SIZE", 1000)
    assert keras.saving.load_model(run / "agent.keras").built


def test_check_of_the_size_draws_no_random_numbers(honest):
    agent = keras.saving.load_model(honest / "agent.keras")
    config = keras.saving.serialize_keras_object(agent.policy)
    keras.utils.set_random_seed(1)
    expected = keras.initializers.RandomNormal()((3,)).numpy()
    keras.utils.set_random_seed(1)
    size_limits.check_policy(config, agent.observation_space)
    found = keras.initializers.RandomNormal()((3,)).numpy()
    np.testing.assert_array_equal(found, expected)


def _tamper_weights(run, tamper):
    members = _members(run / "agent.keras")
    file = io.BytesIO(members["model.weights.h5"])
    with h5py.File(file, "r+") as weights:
        found = []
        weights.visititems(
            lambda name, item: (
                found.append(name)
                if isinstance(item, h5py.Dataset) and item.shape == (4, 3)
                else None
            )
        )
        del weights[found[0]]
        tamper(weights, found[0])
    _write(
        run / "agent.keras", {**members, "model.weights.h5": file.getvalue()}
    )


def test_weights_that_were_written_anew_are_taken(run):
    """So what is refused below is so for what it is."""

    def write(weights, name):
        weights[name] = np.zeros((4, 3), np.float32)

    _tamper_weights(run, write)
    assert main(["export", f"--run={run}", f"--output={run}/../new"]) == 0


def test_link_out_of_the_weights_is_refused(run, tmp_path, capsys):
    """As in CVE-2026-1669."""
    secret = run.parent / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["data"] = np.zeros((4, 3), np.float32)

    def link(weights, name):
        weights[name] = h5py.ExternalLink(str(secret), "/data")

    _tamper_weights(run, link)
    assert "agent.keras must hold an agent" in _refused(run, capsys)


def test_weights_that_declare_a_huge_shape_are_refused(run, capsys):
    """As in CVE-2026-0897."""

    def declare(weights, name):
        weights.create_dataset(name, (2**20, 2**20), "float32", chunks=True)

    _tamper_weights(run, declare)
    assert "agent.keras must hold an agent" in _refused(run, capsys)


# JSON


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[" * 100_000, "nested too deeply"),
        ('{"flags": ' * 50_000, "nested too deeply"),
        (" " * 2**20 + "{}", "at most 1,048,576 bytes. Received: 1,048,578"),
        ("{", "Expecting property name"),
        ("[]", "must have an object `flags`"),
        ('{"flags": 5}', "must have an object `flags`"),
        ('{"flags": {}}', "must have an object `flags`"),
        ('{"flags": {"env": ["CartPole-v1"]}}', "must have an object `flags`"),
        ('{"flags": {"env": "CartPole-v1"}, "a": NaN}', "Received: NaN"),
        ('{"flags": {"env": "CartPole-v1"}, "a": -Infinity}', "-Infinity"),
        ('{"a": ' + "9" * 5000 + "}", "Exceeds the limit"),
        *(
            (
                f'{{"flags": {{"env": "CartPole-v1", {flag}}}}}',
                f"Received: {received}",
            )
            for flag, received in (
                ('"max_episode_steps": 0', "max_episode_steps='0'"),
                ('"max_episode_steps": 1e999', "max_episode_steps='inf'"),
                ('"max_episode_steps": "many"', "max_episode_steps='many'"),
                ('"max_episode_steps": [5]', "max_episode_steps='[5]'"),
                ('"batch_size": 1e300', "batch_size='1e+300'"),
                ('"batch_size": 99999999999', "batch_size='99999999999'"),
                ('"elite_quantile": 1.5', "elite_quantile='1.5'"),
                ('"engine": "coin"', "engine='coin'"),
                ('"hidden_units": {"a": 1}', "hidden_units=\"{'a': 1}\""),
            )
        ),
        (b"\xff\xfe\x00", "codec can't decode"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "bytes",
)
def test_settings_that_no_run_writes_are_refused(content, said, run, capsys):
    if isinstance(content, str):
        content = content.encode()
    (run / "config.json").write_bytes(content)
    message = _refused(run, capsys, "evaluate")
    assert f"no readable run of `keras-cem train` in {run}" in message
    assert said in message


def test_agent_that_is_nested_too_deeply_is_refused(run, capsys):
    members = _members(run / "agent.keras")
    members["config.json"] = "[" * 100_000
    _write(run / "agent.keras", members)
    assert "RecursionError" in _refused(run, capsys)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"elite_quantile": 0.8', '"elite_quantile": NaN', "quantile=nan"),
        ('"elite_quantile": 0.8', '"elite_quantile": "q"', "quantile='q'"),
        ('"epsilon": 0.1', '"epsilon": 1e999', "epsilon=inf"),
        ('"gradient_steps": 1', '"gradient_steps": -1', "gradient_steps=-1"),
        ('"kind": "Box"', '"kind": "os.system"', "kind='os.system'"),
        ('"kind": "Box"', '"kind": {}', "kind={}"),
        ('"shape": [4]', '"shape": [-4]', "agent.keras must hold"),
        ('"shape": [4]', '"shape": "4"', "agent.keras must hold"),
    ],
    ids=lambda value: value if value.startswith('"') else "",
)
def test_options_out_of_range_are_refused(old, new, said, run, capsys):
    _rewrite(run, old, new)
    assert said in _refused(run, capsys)


# Links


@pytest.mark.parametrize("command", ["evaluate", "export"])
@pytest.mark.parametrize("name", ["agent.keras", "config.json", "policy"])
def test_run_with_a_link_is_refused(name, command, run, capsys):
    elsewhere = run.parent / "elsewhere"
    if (run / name).exists():
        shutil.move(run / name, elsewhere)
    (run / name).symlink_to(elsewhere)
    message = _refused(run, capsys, command)
    assert f"{run / name} must not be a symbolic link" in message
    assert f"Received: a link to {elsewhere}" in message


@pytest.mark.parametrize("flag", ["--overwrite", "--resume"])
@pytest.mark.parametrize(
    "name", ["history.csv", "policy/x", "checkpoints", ".partial-last.keras"]
)
def test_training_into_a_folder_writes_through_no_link(name, flag, run, capsys):
    precious = run.parent / "precious"
    precious.write_text("mine")
    (run / name).parent.mkdir(exist_ok=True)
    (run / name).symlink_to(precious)
    train = ["train", f"--env={ENV}", f"--output={run}", flag]
    assert main(train) == 2
    assert f"{run / name} must not be a symbolic li" in capsys.readouterr().err
    assert precious.read_text() == "mine"


def test_settings_cannot_name_another_output(run, tmp_path, capsys):
    config = json.loads((run / "config.json").read_text())
    config["flags"] |= {"output": str(tmp_path / "a"), "overwrite": True}
    config["output"] = str(tmp_path / "b")
    (run / "config.json").write_text(json.dumps(config))
    before = sorted(tmp_path.rglob("*"))
    assert main(["evaluate", f"--run={run}", "--episodes=1"]) == 0
    assert sorted(tmp_path.rglob("*")) == before
    assert "over 1 episodes" in capsys.readouterr().out
