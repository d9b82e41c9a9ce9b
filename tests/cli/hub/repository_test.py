"""Runs go to a hub on this machine and come back."""

import json
import sys

import keras
import pytest

import keras_cem as cem
from keras_cem.cli.main import main
from tests import processes
from tests.cli.hub import fake_hub

# The package reads the address of the hub when it is imported.
SESSION = """
import json, os, sys
os.environ |= {"HF_ENDPOINT": sys.argv[1], "HF_TOKEN": "hf_secret"}
os.environ |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
from keras_cem.cli.main import main
for arguments in json.loads(sys.argv[2]):
    print("exit", main(arguments), flush=True)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    folder.mkdir()
    agent = cem.CEMAgent.from_env("CartPole-v1", hidden_units=(), seed=0)
    agent.compile(optimizer=keras.optimizers.SGD(0.01))
    agent.save(folder / "agent.keras")
    flags = {"env": "CartPole-v1", "max_episode_steps": 5}
    (folder / "config.json").write_text(json.dumps({"flags": flags}))
    results = json.dumps({"episode_returns": [5.0, 5.0]})
    (folder / "results.json").write_text(results)
    (folder / "video.mp4").write_bytes(b"film")
    (folder / "last.keras").write_bytes(b"not shared")
    return folder


@pytest.mark.slow
def test_a_run_is_shared_and_evaluated(run):
    with fake_hub.started() as (hub, address):
        config = json.loads((run / "config.json").read_text())
        content = {"agent.keras": (run / "agent.keras").read_bytes()}
        config["flags"]["env"] = "os:Evil-v0"
        evil = json.dumps(config).encode()
        hub.files["me/evil"] = {**content, "config.json": evil}
        large = b" " * (2**20 + 1)
        hub.files["me/large"] = {**content, "config.json": large}
        commands = [
            ["push", f"--run={run}", "--repo=me/cartpole", "--private"],
            ["evaluate", "--hub=me/cartpole", "--episodes=3"],
            ["evaluate", "--hub=me/cartpole@" + "0" * 40, "--episodes=2"],
            ["evaluate", "--hub=me/missing"],
            ["evaluate", "--hub=me/evil"],
            ["evaluate", "--hub=me/large"],
        ]
        ended = processes.run("-c", SESSION, address, json.dumps(commands))
    assert set(hub.files["me/cartpole"]) == {
        "README.md",
        "agent.keras",
        "config.json",
        "results.json",
        "replay.mp4",
    }
    assert b"--hub=me/cartpole" in hub.files["me/cartpole"]["README.md"]
    assert hub.private == {"me/cartpole": True}
    assert hub.tokens == {"Bearer hf_secret"}
    assert f"Uploaded: {address}/me/cartpole" in ended.stdout
    assert "Greedy return over 3 episodes: 5.00" in ended.stdout
    assert "Greedy return over 2 episodes: 5.00" in ended.stdout
    assert "names a module whose code would run" in ended.stderr
    assert "config.json of me/large must have at most" in ended.stderr
    exits = [
        line for line in ended.stdout.splitlines() if line.startswith("exit")
    ]
    assert exits == ["exit 0", "exit 0", "exit 0", "exit 1", "exit 2", "exit 2"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["push", "--run={run}", "--repo=me/x"], "`push` needs huggingface"),
        (["evaluate", "--hub=me/x"], "--hub needs huggingface"),
    ],
)
def test_missing_package_names_the_extra(
    run, arguments, message, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    given = [argument.format(run=run) for argument in arguments]
    assert main(given) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert "pip install 'keras-cem[hub]'" in printed


def test_run_and_hub_exclude_each_other(run, capsys):
    assert main(["evaluate", f"--run={run}", "--hub=me/x"]) == 2
    assert "--run must be given, or --hub" in capsys.readouterr().err
