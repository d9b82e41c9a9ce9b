"""`keras-cem train --seeds`."""

import contextlib
import csv
import io

import numpy as np
import pytest

from keras_cem.cli.main import main
from keras_cem.cli.training import seeds
from tests.cli import small_run


def test_interquartile_mean_leaves_out_the_ends():
    returns = np.array([-1000.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 1000.0])
    mean, (low, high) = seeds.aggregate(returns)
    assert mean == 3.5
    assert low < mean < high
    # Without enough seeds there is no interval.
    assert seeds.aggregate(returns[1:5]) == (2.5, None)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--seeds=0,0"], "--seeds must be different integers"),
        (["--seeds=a"], "Received: --seeds=a"),
        (["--seeds=0,1", "--seed=3"], "--seed must not be given with --seeds"),
        (["--seeds=0,1", "--resume"], "--resume must not be given"),
    ],
)
def test_flags_that_contradict_are_refused(flags, message, tmp_path, capsys):
    output = tmp_path / "runs"
    train = ["train", *small_run.SMALL, f"--output={output}"]
    assert main([*train, *flags]) == 2
    assert message in capsys.readouterr().err
    assert not output.exists()


def _table(output):
    text = (output / "seeds.csv").read_text()
    return list(csv.DictReader(text.splitlines()))


class Here:
    """What a process of `keras-cem` would do, done in this one."""

    def __init__(self, command, **_):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            self.returncode = main(command[3:])
        self.stdout = printed.getvalue().splitlines(keepends=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.mark.slow
def test_each_seed_has_a_run_and_the_rest_is_resumed(
    tmp_path, capsys, monkeypatch
):
    output = tmp_path / "runs"
    flags = [*small_run.SMALL, f"--output={output}"]
    train = ["train", *flags, "--seeds=3,5", "--jobs=2"]
    assert main(train) == 0
    printed = capsys.readouterr().out
    assert "seed 3: epoch    2/2" in printed
    assert "Interquartile mean over 2 seeds: " in printed
    assert "0 of 2 seeds solved it: a return of 475." in printed
    rows = _table(output)
    assert [row["seed"] for row in rows] == ["3", "5"]
    assert (output / "comparison.png").is_file()
    # A finished run stays, another one is trained again.
    before = (output / "seed-3" / "results.json").stat().st_mtime_ns
    for path in ("results.json", "last.keras"):
        (output / "seed-5" / path).unlink()
    monkeypatch.setattr(seeds.subprocess, "Popen", Here)
    assert main(train) == 0
    assert (output / "seed-5" / "results.json").exists()
    assert (output / "seed-3" / "results.json").stat().st_mtime_ns == before
    assert _table(output)[:1] == rows[:1]
    assert main([*train, "--batch_size=8"]) == 2
    assert "holds runs with other flags" in capsys.readouterr().err
