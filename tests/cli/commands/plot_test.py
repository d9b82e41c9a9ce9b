"""`keras-cem plot`."""

import json
import shutil
import sys

import pytest

from keras_cem.cli.main import main
from keras_cem.cli.run import results as run_results
from keras_cem.pictures import plots
from tests.cli import small_run

pytestmark = pytest.mark.slow

SMALL = [*small_run.SMALL, "--env=MountainCar-v0", "--seed=1"]
PICTURES = {"learning_curve.png", "returns.png", "policy_map.png"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", *SMALL, f"--output={folder}"]) == 0
    return folder


@pytest.fixture
def run(trained, tmp_path):
    """A copy to tamper with."""
    return shutil.copytree(trained, tmp_path / "run")


def names(folder):
    return {path.name for path in folder.iterdir()}


def another(run, folder, **changed):
    """The same run, but for what its config.json says."""
    shutil.copytree(run, folder)
    config = json.loads((run / "config.json").read_text())
    config["flags"] |= changed
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_train_drew_all(trained):
    assert names(trained) >= PICTURES


def test_pictures_go_where_they_should(trained, tmp_path, capsys):
    output = tmp_path / "pictures"
    before = names(trained)
    assert main(["plot", f"--run={trained}", f"--output={output}"]) == 0
    assert names(output) == PICTURES
    assert names(trained) == before
    assert f"Drawn: {output / 'policy_map.png'}" in capsys.readouterr().out


def test_pictures_are_drawn_again_in_the_run_folder(run):
    for name in PICTURES:
        (run / name).unlink()
    assert main(["plot", f"--run={run}", "--dimensions=1,0"]) == 0
    assert names(run) >= PICTURES


def test_run_without_returns_has_a_curve(run, tmp_path):
    for name in ("returns.json", "results.json"):
        (run / name).unlink()
    output = tmp_path / "pictures"
    assert main(["plot", f"--run={run}", f"--output={output}"]) == 0
    assert names(output) == PICTURES - {"returns.png"}


def test_several_runs_are_one_picture(trained, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(plots, "comparison", lambda *given: asked.append(given))
    runs = [
        another(trained, tmp_path / "1", seed=1),
        another(trained, tmp_path / "2", seed=2),
        another(trained, tmp_path / "3", elite_quantile=0.9),
    ]
    output = tmp_path / "pictures"
    flags = [f"--run={run}" for run in runs]
    assert main(["plot", *flags, f"--output={output}"]) == 0
    ((groups, path, threshold),) = asked
    assert path == output / "comparison.png"
    assert threshold == -110
    assert groups == {
        "elite_quantile=0.7 (2 runs)": [r / "history.csv" for r in runs[:2]],
        "elite_quantile=0.9": [runs[2] / "history.csv"],
    }


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--run={run}", "--run={run}"], "--output must be given"),
        (
            ["--run={run}", "--run={run}", "--output=x", "--dimensions=0,1"],
            "--dimensions must be given for a single run only",
        ),
        (["--run={run}", "--dimensions=0,x"], "--dimensions=0,x"),
        (["--run={run}", "--dimensions=0,2"], "dimensions=(0, 2)"),
        (["--run={run}", "--dimensions=0"], "dimensions=(0,)"),
        (["--run={run}", "--output={run}/config.json"], "config.json"),
        ([], "--run must"),
    ],
)
def test_bad_flags_are_named(flags, message, run, capsys):
    flags = [flag.format(run=run) for flag in flags]
    assert main(["plot", *flags]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", ["returns.png", ".partial-returns.png"])
def test_no_link_is_written_through(name, trained, tmp_path, capsys):
    precious, output = tmp_path / "precious", tmp_path / "pictures"
    precious.write_text("mine")
    output.mkdir()
    (output / name).symlink_to(precious)
    assert main(["plot", f"--run={trained}", f"--output={output}"]) == 2
    assert (
        f"{output / name} must not be a symbolic link"
        in capsys.readouterr().err
    )
    assert precious.read_text() == "mine"


def test_missing_matplotlib_names_the_extra(trained, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["plot", f"--run={trained}"]) == 2
    message = capsys.readouterr().err
    assert "`plot` needs matplotlib" in message
    assert "pip install 'keras-cem[plot]'" in message


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[" * 100_000,
        "[]",
        '{"stages": 3}',
        '{"stages": [{}]}',
        '{"stages": [{"iteration": 1, "env_steps": 1, "elite_threshold": null,'
        ' "returns": []}]}',
        '{"stages": [{"iteration": 1, "env_steps": 1, "elite_threshold": NaN,'
        ' "returns": [1]}]}',
        '{"stages": [{"iteration": 1, "env_steps": 1, "elite_threshold": 1,'
        ' "returns": ["x"]}]}',
    ],
    ids=range(8),
)
def test_returns_that_are_none_are_refused(content, run, capsys):
    (run / "returns.json").write_text(content)
    assert main(["plot", f"--run={run}"]) == 2
    assert "returns.json must be a file written by" in capsys.readouterr().err


def test_large_files_are_refused(tmp_path):
    path = tmp_path / "returns.json"
    with open(path, "wb") as file:
        file.truncate(2**24 + 1)
    with pytest.raises(ValueError, match="Received: 16,777,217"):
        run_results.read_stages(path)


@pytest.mark.parametrize("stop_at", ["<b>", True, [1]])
def test_stop_at_that_is_no_number_is_refused(stop_at, run, capsys):
    config = json.loads((run / "config.json").read_text())
    config["stop_at"] = stop_at
    (run / "config.json").write_text(json.dumps(config))
    assert main(["plot", f"--run={run}"]) == 2
    assert "`stop_at`" in capsys.readouterr().err
