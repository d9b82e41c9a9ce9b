import pytest

from benchmarks import kills
from tests import processes


@pytest.mark.slow
def test_kills_are_survived():
    """One at random, one while a checkpoint is written."""
    ended = processes.run(
        *("-m", kills.__name__, "--kills=2"),
        *("--kills_per_run=2", "--epochs=30", "--engines=host"),
    )
    assert "survived 2 of 2" in ended.stdout
    for kind in kills.KINDS:
        assert f"host    {kind:14}     1" in ended.stdout
