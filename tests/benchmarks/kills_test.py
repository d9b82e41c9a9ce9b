import pytest

from benchmarks import kills
from tests import scripts


@pytest.mark.slow
def test_kills_are_survived(monkeypatch, capsys):
    """One at random, one while a checkpoint is written.

    Only what is killed has a process of its own. The second goes on from the
    checkpoints of the first.
    """

    def finish(folder, engine):
        kills.train(folder, engine)
        return (folder / "result.json").read_text()

    monkeypatch.setattr(kills, "finish", finish)
    with pytest.raises(SystemExit) as ended:
        scripts.run(
            kills,
            *("--kills=2", "--kills_per_run=2"),
            *("--epochs=30", "--engines=host"),
        )
    assert not ended.value.code
    printed = capsys.readouterr().out
    assert "survived 2 of 2" in printed
    for kind in kills.KINDS:
        assert f"host    {kind:14}     1" in printed
