import subprocess
import sys

import pytest

from benchmarks import kills


@pytest.mark.slow
def test_kills_are_survived():
    """One at random, one while a checkpoint is written."""
    ended = subprocess.run(
        [
            *(sys.executable, "-m", kills.__name__, "--kills=2"),
            *("--kills_per_run=2", "--epochs=30", "--engines=host"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "run 1, host: 2 kills, survived" in ended.stdout
    assert "survived 2 of 2" in ended.stdout
    for kind in kills.KINDS:
        assert f"host    {kind:14}     1" in ended.stdout
