"""`keras-cem record`."""

import base64
import json
import shutil
import sys

import pytest

import tests.toy_envs  # noqa: F401 registers
from keras_cem.cli.main import main
from tests.cli import small_run

pytestmark = pytest.mark.slow

SMALL = [*small_run.SMALL, "--epochs=1", "--noplot", "--seed=1"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", *SMALL, "--video", f"--output={folder}"]) == 0
    return folder


def test_films_are_of_the_final_evaluation(trained, tmp_path, capsys):
    output = tmp_path / "films"
    record = ["record", f"--run={trained}", f"--output={output}"]
    before = sorted(trained.iterdir())
    assert main([*record, "--episodes=2"]) == 0
    assert {path.name for path in output.iterdir()} == {
        "video.mp4",
        "video.gif",
    }
    assert sorted(trained.iterdir()) == before
    results = json.loads((trained / "results.json").read_text())
    printed = capsys.readouterr().out
    for number, value in enumerate(results["episode_returns"][:2], 1):
        assert f"episode {number}: return {value:.2f}" in printed


def test_train_films_for_its_report(trained):
    assert (trained / "video.gif").read_bytes().startswith(b"GIF8")
    film = base64.b64encode((trained / "video.mp4").read_bytes()).decode()
    assert f"data:video/mp4;base64,{film}" in (
        trained / "report.html"
    ).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ("CartPole-v1", "--video needs imageio"),
        ("ToyEcho-v0", "`env` must support render_mode='rgb_array'"),
    ],
)
def test_what_cannot_be_filmed_is_named_before_training(
    env, message, tmp_path, capsys, monkeypatch
):
    if env == "CartPole-v1":
        monkeypatch.setitem(sys.modules, "imageio", None)
    folder = tmp_path / "run"
    flags = [f"--env={env}", "--nopreset", "--video", f"--output={folder}"]
    assert main(["train", *flags]) == 2
    assert message in capsys.readouterr().err
    assert not folder.exists()


def test_film_in_the_run_folder_is_cut_off(trained, tmp_path, capsys):
    run = shutil.copytree(trained, tmp_path / "run")
    for name in ("video.gif", "video.mp4"):
        (run / name).unlink()
    assert main(["record", f"--run={run}", "--max_frames=3"]) == 0
    assert (run / "video.gif").read_bytes().startswith(b"GIF8")
    assert (
        "The film ends early because of --max_frames=3"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--env=FrozenLake-v1", "action_space"),
        ("--episodes=0", "episodes=0"),
        ("--fps=0", "fps=0"),
        ("--env=CartPole-v0.5", "CartPole-v0.5"),
    ],
)
def test_bad_flags_are_named(flag, message, trained, tmp_path, capsys):
    record = ["record", f"--run={trained}", f"--output={tmp_path / 'films'}"]
    assert main([*record, flag]) == 2
    assert message in capsys.readouterr().err


def test_no_link_is_written_through(trained, tmp_path, capsys):
    precious, output = tmp_path / "precious", tmp_path / "films"
    precious.write_text("mine")
    output.mkdir()
    (output / "video.gif").symlink_to(precious)
    assert main(["record", f"--run={trained}", f"--output={output}"]) == 2
    assert "video.gif must not be a symbolic link" in capsys.readouterr().err
    assert precious.read_text() == "mine"


def test_missing_package_names_the_extra(trained, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    assert main(["record", f"--run={trained}"]) == 2
    message = capsys.readouterr().err
    assert "`record` needs imageio-ffmpeg" in message
    assert "pip install 'keras-cem[video]'" in message
