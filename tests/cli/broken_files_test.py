"""Files that a full disk, a kill or a stranger left: named, and no traceback.

Each message says which file it is, and in text files which line.
"""

import errno
import json
import os
import shutil

import pytest

from keras_cem.cli.main import main
from keras_cem.cli.tuning.study import Study
from keras_cem.pictures import film_episodes
from keras_cem.pictures.plots import history as histories
from keras_cem.utils import files
from tests.cli import small_run
from tests.cli.tuning.study_test import SPACE, START, opened, returning, run

pytestmark = pytest.mark.slow

HUGE = "1" + "0" * 400


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    flags = ["--noplot", "--seed=1", f"--output={folder}"]
    assert main(["train", *small_run.SMALL, *flags]) == 0
    return folder


@pytest.fixture
def tampered(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "run")


def _refused(command, folder, capsys):
    assert main([command, f"--run={folder}"]) == 2
    return capsys.readouterr().err


def _edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    text = json.dumps(content).replace('"HUGE"', HUGE)
    path.write_text(text.replace('"INFINITE"', "1e999"))


# Numbers


@pytest.mark.parametrize("command", ["plot", "report"])
@pytest.mark.parametrize("value", ["HUGE", 1e308, "INFINITE", True, [1]])
def test_numbers_that_overflow_in_settings_name_the_file(
    command, value, tampered, capsys
):
    _edit(tampered / "config.json", lambda config: config.update(stop_at=value))
    message = _refused(command, tampered, capsys)
    assert f"in {tampered}. " in message
    assert "`stop_at` in config.json must be a number or null" in message
    assert len(message) < 600


@pytest.mark.parametrize("name", ["seed", "epsilon_steps"])
def test_counts_that_overflow_in_settings_are_refused_by_resume(
    name, tampered, capsys
):
    _edit(
        tampered / "config.json", lambda config: config.update({name: "HUGE"})
    )
    assert main(["train", "--resume", f"--output={tampered}"]) == 2
    assert (
        f"must be a number or null. Received: {name}=10"
        in capsys.readouterr().err
    )


def _stage(key, value):
    return lambda content: content["stages"][0].update({key: value})


@pytest.mark.parametrize("value", ["HUGE", 1e308, "INFINITE", "text", True])
@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("returns.json", lambda value: _stage("returns", [value])),
        ("returns.json", lambda value: _stage("elite_threshold", value)),
        ("returns.json", lambda value: _stage("env_steps", value)),
        ("returns.json", lambda value: _stage("iteration", value)),
    ],
    ids=["returns", "threshold", "env_steps", "iteration"],
)
def test_numbers_that_overflow_in_returns_name_the_file(
    file, change, value, tampered, capsys
):
    _edit(tampered / file, change(value))
    assert str(tampered / file) in _refused("report", tampered, capsys)


@pytest.mark.parametrize("value", ["HUGE", 1e308, "text"])
def test_numbers_that_overflow_in_results_name_the_file(
    value, tampered, capsys
):
    path = tampered / "results.json"
    _edit(path, lambda content: content.update(episode_returns=[value]))
    assert str(path) in _refused("plot", tampered, capsys)


@pytest.mark.parametrize("value", [HUGE, "1e308", "-1e39"])
def test_numbers_that_overflow_in_a_history_name_the_line(
    value, tampered, capsys
):
    path = tampered / "history.csv"
    header, first, second = path.read_text().splitlines()
    column = header.split(",").index("loss")
    cells = second.split(",")
    cells[column] = value
    path.write_text("\n".join([header, first, ",".join(cells), ""]))
    if value == HUGE:
        # NumPy reads infinity, which is left out of means.
        assert main(["plot", f"--run={tampered}"]) == 0
        return
    message = _refused("plot", tampered, capsys)
    assert str(path) in message
    assert "in line 3" in message
    assert f"loss={float(value):g}" in message


# Text


@pytest.mark.parametrize(
    ("cut", "said"),
    [
        (lambda text: text[:-30], "in line 3"),
        (lambda text: text.rstrip(b"\r\n"), "an incomplete row in line 3"),
        (lambda text: text + b"1,2\r\n", "2 columns in line 4"),
        (lambda text: b"\xff\xfe" + text, "byte 0xff in line 1"),
        (lambda text: text + b"\xe9\r\n", "byte 0xe9 in line 4"),
        (lambda text: b"", "without the columns env_steps"),
    ],
    ids=["half", "no end", "short", "other encoding", "one byte", "empty"],
)
def test_cut_histories_name_the_file_and_the_line(cut, said, tampered, capsys):
    path = tampered / "history.csv"
    path.write_bytes(cut(path.read_bytes()))
    message = _refused("plot", tampered, capsys)
    assert str(path) in message
    assert said in message


@pytest.mark.parametrize(
    "name", ["returns.json", "results.json", "made_from.json", "config.json"]
)
@pytest.mark.parametrize("content", [b'{"stages": [', b"\xff", b"[" * 10**5])
def test_cut_json_names_the_file(name, content, tampered, capsys):
    (tampered / name).write_bytes(content)
    if name == "made_from.json":
        (tampered / "policy_map.png").write_bytes(b"")
    message = _refused("report", tampered, capsys)
    assert name in message
    assert str(tampered) in message


def test_whole_history_is_read(tampered):
    columns = histories.read(tampered / "history.csv").columns
    assert columns["epochs"].tolist() == [1, 2]


def test_pipes_are_not_waited_for(tampered, tmp_path, capsys):
    os.mkfifo(tampered / "results.json.fifo")
    os.replace(tampered / "results.json.fifo", tampered / "results.json")
    assert "must be a file or a fol" in _refused("report", tampered, capsys)
    pipe = tmp_path / "preset.json"
    os.mkfifo(pipe)
    train = ["train", "--env=CartPole-v1", f"--output={tmp_path / 'new'}"]
    assert main([*train, f"--preset={pipe}"]) == 2
    assert f"{pipe} must be a file" in capsys.readouterr().err
    assert main([*train, f"--flagfile={pipe}"]) == 2
    assert "--flagfile must be a file" in capsys.readouterr().err


# Presets and files of flags


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"epochs": 3, "epochs": 4}', "'epochs' appears more than once"),
        ('{"epsilon": NaN}', "epsilon=nan: must be finite"),
        ('{"epsilon": 1e999}', "inf"),
        ('{"epochs": ' + HUGE + "}", "epochs=10"),
        ('{"epochs": ' + "9" * 5000 + "}", "must hold JSON"),
        ('{"epochs": [[1]]}', "epochs="),
        ('{"epochs": ' + "[" * 10**5, "must hold JSON"),
        ('{"output": "/"}', "output='/'"),
        ('{"epochs": "x"}', "epochs"),
        ("\xff", "must hold JSON"),
    ],
)
def test_presets_of_strangers_are_refused_by_name(text, said, tmp_path, capsys):
    path = tmp_path / "preset.json"
    path.write_bytes(text.encode("latin-1"))
    output = tmp_path / "run"
    flags = ["--env=CartPole-v1", f"--preset={path}", f"--output={output}"]
    assert main(["train", *flags]) == 2
    message = capsys.readouterr().err
    assert str(path) in message
    assert said in message
    assert len(message) < 1500
    assert not output.exists()


def test_flag_files_of_strangers_are_refused_by_name(tmp_path, capsys):
    path, other = tmp_path / "flags", tmp_path / "other"
    train = ["train", "--env=CartPole-v1", f"--output={tmp_path / 'run'}"]
    path.write_bytes(b"--epochs=1\n--seed=\xff\n")
    assert main([*train, f"--flagfile={path}"]) == 2
    assert f"{path}, with the byte 0xff in line 2" in capsys.readouterr().err
    path.write_text(f"--flagfile={other}\n")
    other.write_text(f"--flagfile={path}\n")
    assert main([*train, "--flagfile", str(path)]) == 2
    assert f"{path} -> {other} -> {path}" in capsys.readouterr().err
    path.write_bytes(b"\n" * (2**20 + 1))
    assert main([*train, f"--flagfile={path}"]) == 2
    assert "at most 1,048,576 bytes" in capsys.readouterr().err
    assert main([*train, f"--flagfile={path}.none"]) == 2
    assert f"--flagfile={path}.none" in capsys.readouterr().err


# Empty paths


@pytest.mark.parametrize(
    ("command", "flag"),
    [
        ("train", "output"),
        ("tune", "output"),
        ("export", "output"),
        ("export", "run"),
        ("evaluate", "run"),
        ("plot", "run"),
        ("record", "output"),
        ("report", "run"),
        ("train", "preset"),
        ("train", "flagfile"),
    ],
)
def test_empty_paths_are_not_the_current_folder(
    command, flag, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    arguments = {
        "train": ["--env=CartPole-v1", "--output=x"],
        "tune": ["--env=CartPole-v1"],
        "export": ["--output=x", "--run=x"],
    }.get(command, ["--run=x"])
    assert main([command, *arguments, f"--{flag}="]) == 2
    assert f"--{flag}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


# Logs


def test_unfinished_last_line_is_dropped_before_more_is_added(tmp_path):
    """As a full disk leaves it; the trial it belonged to is run again."""
    whole = run(opened(tmp_path / "whole"), 4)
    log = tmp_path / "log"
    run(opened(log), 3)
    content = log.read_bytes()
    for cut in (1, 30, 200):
        log.write_bytes(content[:-cut])
        study = opened(log)
        assert log.read_bytes().endswith(b"\n")
        assert len(study.done()) in (2, 3)
        assert run(study, 4 - len(study.done())) == whole


def test_damaged_line_of_a_log_is_named(tmp_path, capsys):
    folder = tmp_path / "tune"
    folder.mkdir()
    log = folder / "trials.log"
    run(opened(log), 2)
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([*lines[:3], lines[3][:9] + lines[4], *lines[5:]]))
    before = log.read_bytes()
    flags = ["--env=CartPole-v1", "--nopreset", f"--output={folder}"]
    assert main(["tune", *flags, "--search=learning_rate"]) == 2
    message = capsys.readouterr().err
    assert f"{log}, which is damaged in line 4" in message
    assert log.read_bytes() == before


@pytest.mark.parametrize("size", [0, 1, 2**16 - 1, 2**16, 2**17 + 5])
def test_unfinished_lines_of_any_length_are_dropped(size, tmp_path):
    path = tmp_path / "log"
    for whole in (b"", b"one\n", b"one\ntwo\n" * 9000):
        path.write_bytes(whole + b"x" * size)
        files.drop_unfinished_line(path)
        assert path.read_bytes() == whole
    files.drop_unfinished_line(tmp_path / "none")
    assert not (tmp_path / "none").exists()


# Full disks


def _full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_full_disk_is_told_with_the_file(tmp_path, monkeypatch):
    study = opened(tmp_path / "log")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _full)
        with pytest.raises(OSError, match="No space left") as error:
            study.run(START, returning(1.0, 1.0))
        assert str(tmp_path / "log") in str(error.value)
        path = tmp_path / "file.json"
        with (
            pytest.raises(OSError, match="No space left") as error,
            files.replacing(path) as partial,
        ):
            partial.write_text("x")
        assert str(path) in str(error.value)
        assert not path.exists()
    assert isinstance(study, Study)
    assert set(study.run(START, returning(1.0, 1.0)).tried) == set(SPACE)


def test_full_disk_of_a_history_is_told_with_the_file(
    tmp_path, monkeypatch, capsys
):
    class Full:
        def __init__(self, *_, **__):
            pass

        writeheader = writerow = _full

    monkeypatch.setattr("csv.DictWriter", Full)
    folder = tmp_path / "run"
    flags = ["--noplot", f"--output={folder}"]
    assert main(["train", *small_run.SMALL, *flags]) == 1
    message = capsys.readouterr().err
    assert "No space left on device" in message
    assert str(folder / "history.csv") in message


# What comes after the results


def test_results_are_there_if_a_film_or_a_picture_fails(
    tmp_path, monkeypatch, capsys
):
    def no_gl(*_, **__):
        raise RuntimeError("no GL")

    monkeypatch.setattr(film_episodes, "record", no_gl)
    monkeypatch.setattr("keras_cem.pictures.plots.learning_curve", no_gl)
    folder = tmp_path / "run"
    flags = ["--plot", "--video", f"--output={folder}"]
    assert main(["train", *small_run.SMALL, *flags]) == 1
    captured = capsys.readouterr()
    assert "Greedy return over 3 episodes" in captured.out
    assert "`keras-cem plot` failed with RuntimeError: no GL" in captured.err
    assert "`keras-cem record` failed with RuntimeError: no G" in captured.err
    assert f"To try again: keras-cem plot --run={folder}" in captured.err
    left = {path.name for path in folder.iterdir()}
    assert {"results.json", "last.keras", "policy", "report.html"} <= left
    assert len(list((folder / "checkpoints").iterdir())) == 1
