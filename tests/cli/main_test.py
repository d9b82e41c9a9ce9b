"""The command line from flags to run folder."""

import contextlib
import csv
import io
import json
import math
import sys

import gymnasium
import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf

import keras_cem
from keras_cem.cli.main import main
from tests import toy_envs  # noqa: F401 - registers them

pytestmark = pytest.mark.slow

SMALL = [
    "--env=CartPole-v1",
    "--nopreset",
    "--epochs=2",
    "--batch_size=4",
    "--hidden_units=8",
    "--validation_episodes=3",
    "--episodes=5",
    "--stop_at=1000",
    "--seed=3",
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run folder and what its training printed."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main(["train", *SMALL, f"--output={folder}"]) == 0
    return folder, printed.getvalue()


@pytest.fixture(scope="module")
def run_folder(trained):
    return trained[0]


def test_train_leaves_a_whole_run_folder(run_folder):
    left = {path.name for path in run_folder.iterdir()}
    assert left == {
        "agent.keras",
        "last.keras",
        "policy",
        "history.csv",
        "config.json",
        "results.json",
        "checkpoints",
        "policies.npz",
        "learning_curve.png",
        "returns.png",
        "returns.json",
        "report.html",
    }
    png = (run_folder / "learning_curve.png").read_bytes()
    assert png.startswith(b"\x89PNG")


def test_nested_observations_are_trained_on(tmp_path):
    folder = tmp_path / "run"
    flags = [
        "--env=Blackjack-v1",
        "--engine=host",
        "--max_episode_steps=20",
        '--network={"embedding": 2}',
    ]
    assert main(["train", *SMALL, *flags, f"--output={folder}"]) == 0
    agent = keras.saving.load_model(folder / "agent.keras")
    # Of 32, 11 and 2 values.
    assert [weight.shape for weight in agent.policy.weights[:3]] == [
        (32, 2),
        (11, 2),
        (2, 2),
    ]
    policy = tf.saved_model.load(str(folder / "policy"))
    assert policy.act(([12], [3], [0])).shape == (1,)


def test_embedding_of_numbers_is_refused(tmp_path, capsys):
    flags = ['--network={"embedding": 2}', f"--output={tmp_path / 'run'}"]
    assert main(["train", *SMALL, *flags]) == 2
    assert "Received: embedding=2" in capsys.readouterr().err


def test_results_say_what_the_saved_agent_does(run_folder):
    results = json.loads((run_folder / "results.json").read_text())
    assert set(results) == {
        "env",
        "episodes",
        "episode_return_mean",
        "episode_return_std",
        "episode_returns",
        "env_steps",
        "epochs",
        "wall_seconds",
        "seed",
        "solved",
    }
    agent = keras.saving.load_model(run_folder / "agent.keras")
    returns = agent.collect("CartPole-v1", 5, engine="host").returns
    assert results["episode_returns"] == returns.tolist()
    assert results["episode_return_mean"] == pytest.approx(np.mean(returns))
    assert results["episode_return_std"] == pytest.approx(np.std(returns))
    assert results["solved"] is False
    assert (results["seed"], results["epochs"]) == (3, 2)


def test_history_has_a_row_an_epoch_and_ends_with_the_steps(run_folder):
    with open(run_folder / "history.csv") as file:
        rows = list(csv.DictReader(file))
    results = json.loads((run_folder / "results.json").read_text())
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert float(rows[-1]["env_steps"]) == results["env_steps"]
    assert [float(row["epsilon"]) for row in rows] == [1.0, 0.5]


def test_best_agent_is_the_best_of_the_validations(run_folder):
    with open(run_folder / "history.csv") as file:
        greedy = [float(r["val_episode_return"]) for r in csv.DictReader(file)]
    agent = keras.saving.load_model(run_folder / "agent.keras")
    last = keras.saving.load_model(run_folder / "last.keras")
    assert int(agent.iteration) == 1 + int(np.argmax(greedy))
    assert int(last.iteration) == 2


def test_config_has_every_setting_and_the_versions(run_folder):
    config = json.loads((run_folder / "config.json").read_text())
    assert config["flags"]["batch_size"] == 4
    assert config["flags"]["elite_quantile"] == 0.7
    assert config["seed"] == 3
    assert config["versions"]["keras_cem"] == keras_cem.__version__
    assert config["versions"]["tensorflow"] == tf.__version__


def test_policy_acts_as_the_agent(run_folder):
    policy = tf.saved_model.load(run_folder / "policy")
    agent = keras.saving.load_model(run_folder / "agent.keras")
    observations = np.random.default_rng(0).normal(size=(20, 4))
    observations = observations.astype(np.float32)
    expected = [agent.act(observation) for observation in observations]
    assert policy.act(observations).numpy().tolist() == expected


def test_evaluate_repeats_the_results(run_folder, capsys):
    assert main(["evaluate", f"--run={run_folder}", "--episodes=5"]) == 0
    results = json.loads((run_folder / "results.json").read_text())
    mean = results["episode_return_mean"]
    assert f"over 5 episodes: {mean:.2f} +-" in capsys.readouterr().out


def test_evaluate_takes_a_seed(run_folder, capsys):
    arguments = ["evaluate", f"--run={run_folder}", "--episodes=20"]
    printed = []
    for seed in ("1", "1", "2"):
        assert main([*arguments, f"--seed={seed}"]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] != printed[2]


def test_export_writes_the_endpoints(run_folder, tmp_path):
    output = tmp_path / "exported"
    export = ["export", f"--run={run_folder}", f"--output={output}"]
    assert main(export) == 0
    loaded = tf.saved_model.load(output)
    for endpoint in ("act", "logits", "act_sample"):
        assert hasattr(loaded, endpoint)
    assert main(export) == 2
    assert main([*export, "--overwrite"]) == 0


def test_export_overwrites_a_saved_model_only(run_folder, tmp_path, capsys):
    precious = tmp_path / "thesis"
    precious.mkdir()
    (precious / "chapter.txt").write_text("one")
    export = ["export", f"--run={run_folder}", f"--output={precious}"]
    assert main([*export, "--overwrite"]) == 2
    assert "must not exist yet, or be a SavedModel" in capsys.readouterr().err
    assert (precious / "chapter.txt").read_text() == "one"


def test_export_takes_a_format(run_folder, tmp_path, capsys):
    output = tmp_path / "policy.onnx"
    export = ["export", f"--run={run_folder}", "--format=onnx"]
    assert main([*export, f"--output={tmp_path / 'policy'}"]) == 2
    assert "must end in .onnx" in capsys.readouterr().err
    assert main([*export, f"--output={output}"]) == 0
    assert f"Exported as onnx: {output}" in capsys.readouterr().out
    assert onnx.load(output).graph.output[0].name == "actions"


def test_export_names_the_extra_that_is_missing(
    run_folder, tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, "openvino", None)
    output = tmp_path / "policy"
    export = ["export", f"--run={run_folder}", f"--output={output}"]
    assert main([*export, "--format=openvino"]) == 2
    message = capsys.readouterr().err
    assert "--format=openvino: `export` to an OpenVINO folder" in message
    assert "pip install 'keras-cem[openvino]'" in message
    assert not output.exists()


def test_train_never_overwrites_without_the_flag(run_folder, capsys):
    before = (run_folder / "results.json").read_bytes()
    assert main(["train", *SMALL, f"--output={run_folder}"]) == 2
    assert f"--output={run_folder}" in capsys.readouterr().err
    assert (run_folder / "results.json").read_bytes() == before


def test_train_overwrites_a_run_and_nothing_else(tmp_path):
    (tmp_path / "agent.keras").write_text("of an earlier run")
    (tmp_path / "notes.txt").write_text("mine")
    train = ["train", *SMALL, "--engine=host", "--overwrite", "--noplot"]
    assert main([*train, f"--output={tmp_path}"]) == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert keras.saving.load_model(tmp_path / "agent.keras").built
    assert not (tmp_path / "learning_curve.png").exists()


def test_progress_has_one_line_an_epoch(trained):
    lines = trained[1].splitlines()
    epochs = [line for line in lines if line.startswith("epoch ")]
    assert len(epochs) == 2
    assert "epoch    2/2" in epochs[1]
    for word in ("return", "greedy", "threshold", "elites", "epsilon", "steps"):
        assert word in epochs[1]


def test_continuous_environment_and_network_flags(tmp_path):
    arguments = [
        "--env=Pendulum-v1",
        "--nopreset",
        f"--output={tmp_path / 'run'}",
        "--epochs=2",
        "--engine=host",
        "--batch_size=4",
        "--max_episode_steps=10",
        "--hidden_units=8,4",
        "--activation=tanh",
        "--optimizer=sgd",
        "--learning_rate=0.001",
        "--learning_rate_decay_steps=4",
        '--fit_kwargs={"loss": "huber", "jit_compile": false}',
        '--agent_kwargs={"noise": "correlated", "correlation": 0.5, '
        '"imitate": "drawn", "elite_memory": 3, "elite_memory_age": 2}',
        "--epsilon_schedule=linear",
        "--epsilon_minimum=0.6",
        "--minibatch_size=16",
        "--gradient_steps=3",
        "--discount=0.9",
        "--normalize_observations",
        '--network={"l2": 0.001, "dropout": 0.1, "batch_normalization": true, '
        '"kernel_initializer": "he_normal"}',
        "--validation_episodes=2",
        "--episodes=2",
        "--noplot",
    ]
    assert main(["train", *arguments]) == 0
    agent = keras.saving.load_model(tmp_path / "run" / "last.keras")
    assert int(agent.optimizer.iterations) == 6
    # Half of 4 iterations of 3 steps.
    assert float(agent.optimizer.learning_rate) == pytest.approx(0.0005)
    assert float(agent.epsilon) == pytest.approx(0.6)
    dense = [
        layer
        for layer in agent.policy.policy.layers
        if isinstance(layer, keras.layers.Dense)
    ]
    assert [layer.units for layer in dense] == [8, 4, 1]
    assert (agent.head.noise, agent.head.correlation) == ("correlated", 0.5)
    assert agent.head.imitate == "drawn"
    assert agent.discount == 0.9
    assert (agent.memory.size, agent.memory.age) == (3, 2)
    assert agent.memory.num_held >= 1
    assert agent.policy.normalizations[0].count.numpy() == 2 * 4 * 10
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["solved"] is None
    assert results["env_steps"] == 2 * 4 * 10
    assert math.isfinite(results["episode_return_mean"])


def test_the_learning_rate_decays_with_passes_over_the_elites(tmp_path):
    run = tmp_path / "run"
    arguments = [
        "--env=CartPole-v1",
        "--nopreset",
        f"--output={run}",
        "--epochs=2",
        "--steps_per_epoch=2",
        "--batch_size=4",
        "--max_episode_steps=10",
        "--elite_unit=step",
        "--engine=host",
        "--hidden_units=4",
        "--learning_rate=0.001",
        "--learning_rate_decay_steps=4",
        "--validation_episodes=2",
        "--episodes=2",
        "--noplot",
        '--fit_kwargs={"jit_compile": false}',
    ]
    assert main(["train", *arguments]) == 0
    agent = keras.saving.load_model(run / "last.keras")
    # Set before the third of 4 iterations.
    assert float(agent.optimizer.learning_rate) == pytest.approx(0.0005)
    # That of the critic stays.
    assert float(agent.critic_optimizer.learning_rate) == pytest.approx(0.001)
    with open(run / "history.csv") as file:
        rates = [float(row["learning_rate"]) for row in csv.DictReader(file)]
    assert rates == pytest.approx([0.001, 0.0005])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--output=x"], "--env must"),
        (["train", "--env=CartPole-v1"], "--output must"),
        (["train", "--batch_size=1"], "batch_size=1"),
        (
            [
                "train",
                "--nopreset",
                '--agent_kwargs={"episodes_per_start": 3}',
            ],
            "batch_size=16",
        ),
        (
            ["train", '--agent_kwargs={"episodes_per_policy": 3}'],
            "episodes_per_policy=3",
        ),
        (["train", "--discount=0"], "discount=0"),
        (
            ["train", '--agent_kwargs={"elite_memory_age": 3}'],
            "elite_memory=None",
        ),
        (["train", "--elite_quantile=1.5"], "elite_quantile=1.5"),
        (["train", "--epochs=0"], "epochs=0"),
        (["train", "--epochs=many"], "epochs=many"),
        (["train", "--learning_rate_decay_steps=0"], "decay_steps=0"),
        (["train", "--max_episode_steps=0"], "max_episode_steps=0"),
        (["train", "--engine=sometimes"], "sometimes"),
        (["train", "--epsilon=-1"], "epsilon=-1"),
        (["train", "--gradient_step=3"], "gradient_step"),
        (["train", "--noplot=1"], "--noplot=1 does not take an argument"),
        (["train", "CartPole-v1"], "CartPole-v1"),
        (["play"], "'play'"),
        (["evaluate"], "--run must"),
        (["evaluate", "--run=x", "--episodes=0"], "episodes=0"),
    ],
)
def test_bad_flags_name_themselves(arguments, message, capsys, tmp_path):
    if arguments[0] == "train" and "--output=x" not in arguments[1:]:
        required = [("--env=", "CartPole-v1"), ("--output=", tmp_path / "r")]
        if arguments[1:] != ["--env=CartPole-v1"]:
            arguments = [*arguments, *(f"{a}{b}" for a, b in required)]
    assert main(arguments) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--env=CartPole-v0.5", "CartPole-v0.5"),
        ("--hidden_units=64,x", "--hidden_units=64,x"),
        ("--hidden_units=0", "--hidden_units=0"),
        ("--activation=wobbly", "wobbly"),
        ("--optimizer=wobbly", "--optimizer=wobbly"),
        ('--network={"kernel_initializer": "wobbly"}', "wobbly"),
        ('--fit_kwargs={"loss": "mae"}', "mae"),
        ("--elite_quantile=1", "elite_quantile=1"),
        ("--epsilon=2", "epsilon=2"),
        ('--network={"dropout": 1}', "1"),
        ('--agent_kwargs={"action_scale": 2}', "action_scale=2"),
    ],
)
def test_bad_values_are_refused_before_a_folder_is_made(
    flag, message, capsys, tmp_path
):
    folder = tmp_path / "run"
    name = flag.split("=")[0]
    small = [s for s in SMALL if not s.startswith(f"{name}=")]
    assert main(["train", *small, f"--output={folder}", flag]) == 2
    assert message in capsys.readouterr().err
    assert not folder.exists()


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--vectorization_mode=async", "vectorization_mode='async'"),
        ("--batch_size=1000000000", "batch_size=1000000000"),
        ("--env=ToySeeded-v0", "engine='graph', env='ToySeeded-v0'"),
    ],
)
def test_what_the_graph_cannot_play_is_refused_before_a_folder_is_made(
    flag, message, capsys, tmp_path
):
    folder = tmp_path / "run"
    small = [*SMALL, "--nopreset", "--engine=graph", f"--output={folder}"]
    assert main(["train", *small, flag]) == 2
    assert f"Received: {message}" in capsys.readouterr().err
    assert not folder.exists()


def test_environment_that_needs_a_package_is_refused(tmp_path, capsys):
    def make(**kwargs):
        raise gymnasium.error.DependencyNotInstalled("install the wheels")

    gymnasium.register("Needy-v0", make)
    train = ["train", "--env=Needy-v0", f"--output={tmp_path / 'run'}"]
    try:
        assert main(train) == 2
    finally:
        del gymnasium.registry["Needy-v0"]
    assert "install the wheels" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_output_that_cannot_be_written_is_refused_before_training(
    tmp_path, capsys
):
    file = tmp_path / "file"
    file.write_text("not a folder")
    assert main(["train", *SMALL, f"--output={file / 'run'}"]) == 2
    printed = capsys.readouterr()
    assert f"--output={file / 'run'}" in printed.err
    assert "epoch" not in printed.out


@pytest.mark.parametrize("command", ["evaluate", "export", "plot", "record"])
def test_run_that_is_no_run_is_named(command, tmp_path, capsys):
    extra = [f"--output={tmp_path / 'x'}"] if command == "export" else []
    assert main([command, f"--run={tmp_path}", *extra]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_agent_of_another_class_is_refused(run_folder, tmp_path, capsys):
    other = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    other.save(tmp_path / "agent.keras")
    config = (run_folder / "config.json").read_text()
    (tmp_path / "config.json").write_text(config)
    assert main(["evaluate", f"--run={tmp_path}"]) == 2
    assert "must hold a CEMAgent" in capsys.readouterr().err


COMMANDS = [
    "train",
    "evaluate",
    "export",
    "plot",
    "record",
    "report",
    "list",
    "tune",
    "playground",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_lists_the_flags_of_one_command(command, capsys):
    assert main([command, "--help"]) == 0
    printed = capsys.readouterr().out
    assert ("--batch_size" in printed) == (command in ("train", "tune"))
    assert "--flagfile=FILE" in printed


def test_overview_names_the_commands(capsys):
    assert main([]) == 2
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    for command in COMMANDS:
        assert command in printed
