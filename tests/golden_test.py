"""Runs of earlier versions are loaded, used and gone on with."""

import json
import pathlib
import shutil

import numpy as np
import pytest

from keras_cem.cli.main import main
from keras_cem.cli.run_folder import RunFolder

FOLDER = pathlib.Path(__file__).parent / "golden"
VERSIONS = sorted(path.parent.name for path in FOLDER.glob("*/expected.json"))


def test_there_is_a_run_of_each_format():
    assert VERSIONS[0] == "0.1.0"


@pytest.mark.parametrize("version", VERSIONS)
def test_agent_acts_as_it_did(version):
    folder = FOLDER / version
    expected = json.loads((folder / "expected.json").read_text())
    observations = np.float32(expected["observations"])
    agent = RunFolder(folder / "run").load_agent()
    np.testing.assert_allclose(
        agent.predict(observations, verbose=0),
        expected["logits"],
        rtol=1e-4,
        atol=1e-5,
    )
    actions = [int(agent.act(observation)) for observation in observations]
    assert actions == expected["actions"]
    assert len(set(actions)) == 2
    # More than weights: what is remembered, how far it is.
    config = json.loads((folder / "run" / "config.json").read_text())
    assert agent.memory.num_held == config["flags"]["elite_memory"]
    assert agent.seed == config["seed"]
    assert int(agent.iteration) >= 1
    assert int(agent.optimizer.iterations) >= 1


@pytest.mark.parametrize("version", VERSIONS)
def test_run_goes_on(version, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(FOLDER / version / "run", run)
    before = (run / "history.csv").read_text().splitlines()
    epochs = json.loads((run / "results.json").read_text())["epochs"] + 1
    more = f"--epochs={epochs}"
    assert main(["train", "--resume", f"--output={run}", more]) == 0
    after = (run / "history.csv").read_text().splitlines()
    assert after[:-1] == before
    assert after[-1].startswith(f"{epochs - 1},")
    assert json.loads((run / "results.json").read_text())["epochs"] == epochs


@pytest.mark.parametrize("version", VERSIONS)
def test_run_can_be_evaluated(version, capsys):
    run = FOLDER / version / "run"
    assert main(["evaluate", f"--run={run}", "--episodes=3"]) == 0
    assert "Greedy return over 3 episodes" in capsys.readouterr().out


@pytest.mark.parametrize("version", VERSIONS)
def test_golden_runs_stay_small(version):
    files = [p for p in (FOLDER / version).rglob("*") if p.is_file()]
    assert sum(path.stat().st_size for path in files) < 100_000
