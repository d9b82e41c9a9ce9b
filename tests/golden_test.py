"""Runs of earlier versions are loaded, used and gone on with."""

import functools
import json
import pathlib
import shutil
import types

import keras
import numpy as np
import pytest

from keras_cem import prng
from keras_cem.callbacks import progress
from keras_cem.cli.main import main
from keras_cem.cli.run.folder import RunFolder
from tests.helpers import assert_equal, learned_state

pytestmark = pytest.mark.slow

FOLDER = pathlib.Path(__file__).parent / "golden"
VERSIONS = sorted(path.parent.name for path in FOLDER.glob("*/expected.json"))


def test_there_is_a_run_of_each_format_and_of_each_kind_of_reset_seeds():
    assert VERSIONS == ["0.1.0", "0.1.0-reset-seeds"]


def test_reset_seeds_are_those_of_the_newest_run():
    """A saved seed plays the episodes that it played before."""
    path = FOLDER / VERSIONS[-1] / "expected.json"
    expected = json.loads(path.read_text())["reset_seeds"]
    assert len(expected) == 4
    for name, seeds in expected.items():
        stream = getattr(prng, name)
        assert prng.reset_seeds(0, stream, 3, 4, first=2) == seeds


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


def _resume(before, run, epochs):
    """Goes on with a copy of a run, until so many epochs are done."""
    shutil.copytree(before, run)
    flags = ["--resume", f"--output={run}", f"--epochs={epochs}"]
    assert main(["train", *flags]) == 0
    return run


@pytest.fixture(scope="module")
def gone_on(tmp_path_factory):
    """Goes on with the golden run of a version for an epoch; to be copied."""

    @functools.cache
    def resumed(version):
        golden = FOLDER / version / "run"
        run = tmp_path_factory.mktemp(version) / "run"
        return _resume(golden, run, _results(golden)["epochs"] + 1)

    return resumed


def _results(run):
    return json.loads((run / "results.json").read_text())


def _newest_state(run):
    """Returns the state of training, and the arrays of the last checkpoint."""
    newest = max((run / "checkpoints").iterdir())
    with np.load(newest / "arrays.npz") as file:
        return json.loads((newest / "state.json").read_text()), dict(file)


def _states(run):
    """Returns the states of callbacks by name, of names without modules."""
    return {
        entry["class"].rpartition(".")[2]: entry["state"]
        for entry in _newest_state(run)[0]["callbacks"]
    }


@pytest.fixture
def still_clock(monkeypatch):
    """A run takes no time, so that its clock shows what it was set to."""
    still = types.SimpleNamespace(perf_counter=lambda: 0.0)
    monkeypatch.setattr(progress, "time", still)


@pytest.mark.usefixtures("still_clock")
@pytest.mark.parametrize("version", VERSIONS)
def test_run_goes_on(version, gone_on):
    golden = FOLDER / version / "run"
    before = (golden / "history.csv").read_text().splitlines()
    epochs = _results(golden)["epochs"] + 1
    run = gone_on(version)
    after = (run / "history.csv").read_text().splitlines()
    assert after[:-1] == before
    assert after[-1].startswith(f"{epochs - 1},")
    assert _results(run)["epochs"] == epochs
    # What the agent and each callback had in mind is there. Without its state
    # ProgressLine counts from 0, CSVLogger loses the rows, and ModelCheckpoint
    # takes an agent that is no better for the best one.
    states, kept = _states(run), _states(golden)
    assert kept.keys() <= states.keys()
    seconds = kept["ProgressLine"]["seconds"]
    assert states["ProgressLine"]["seconds"] == seconds
    assert _results(run)["wall_seconds"] == round(seconds, 3)
    assert states["CSVLogger"]["text"].startswith(kept["CSVLogger"]["text"])
    # As good as an episode of 20 steps can be.
    assert kept["ModelCheckpoint"]["best"] == 20.0
    assert states["ModelCheckpoint"]["best"] == 20.0
    best = (run / "agent.keras").read_bytes()
    assert best == (golden / "agent.keras").read_bytes()
    # Counters of the agent, on which epsilon depends.
    last = dict(zip(before[0].split(","), after[-1].split(","), strict=True))
    assert np.float32(last["epsilon"]) == np.float32(1 / epochs)
    assert float(last["env_steps"]) == _results(golden)["env_steps"] + round(
        float(last["episode_length"]) * 4
    )


@pytest.mark.usefixtures("still_clock")
@pytest.mark.parametrize("version", VERSIONS)
def test_run_goes_on_bit_for_bit(version, gone_on, tmp_path):
    """From its checkpoint, and from one that this version wrote behind it."""
    golden = FOLDER / version / "run"
    epochs = _results(golden)["epochs"] + 2
    whole = _resume(golden, tmp_path / "whole", epochs)
    parts = _resume(gone_on(version), tmp_path / "parts", epochs)
    for name in ("history.csv", "results.json", "returns.json"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes()
    state, arrays = _newest_state(parts)
    expected_state, expected_arrays = _newest_state(whole)
    assert state == expected_state
    np.testing.assert_equal(arrays, expected_arrays)
    for name in ("agent.keras", "last.keras"):
        agents = [keras.saving.load_model(run / name) for run in (parts, whole)]
        assert_equal(*(learned_state(agent) for agent in agents))
        counters = [
            (int(a.iteration), int(a.env_steps), float(a.epsilon))
            for a in agents
        ]
        assert counters[0] == counters[1]


@pytest.mark.parametrize("version", VERSIONS)
def test_run_can_be_evaluated(version, capsys):
    run = FOLDER / version / "run"
    assert main(["evaluate", f"--run={run}", "--episodes=3"]) == 0
    assert "Greedy return over 3 episodes" in capsys.readouterr().out


@pytest.mark.parametrize("version", VERSIONS)
def test_golden_runs_stay_small(version):
    files = [p for p in (FOLDER / version).rglob("*") if p.is_file()]
    assert sum(path.stat().st_size for path in files) < 100_000
