"""--workers and the flags that belong to it."""

import importlib
import types

from absl import flags

from keras_cem.cli.flags import (
    from_flags,
    resuming,
    train_flags,
    worker_flags,
)


class FakeWorkers:
    """Notes what it gets, and whether it has ended."""

    def __init__(self, number, **arguments):
        self.given = (number, arguments)
        self.ended = False

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.ended = True


def _parse(*arguments):
    values = flags.FlagValues()
    train_flags.define_flags(values)
    values(["train", "--env=CartPole-v1", "--output=run", *arguments])
    return values


def test_workers_play_all_that_the_command_plays(monkeypatch):
    adapter = types.SimpleNamespace(Workers=FakeWorkers)
    monkeypatch.setattr(importlib, "import_module", lambda name: adapter)
    values = _parse("--workers=8", "--ray_address=auto", "--worker_gpus=0.5")
    with worker_flags.entered(values):
        workers = from_flags.playing(values)["workers"]
        assert from_flags.host_arguments(values)["workers"] is workers
        assert workers.given == (8, {"address": "auto", "num_gpus": 0.5})
        assert not workers.ended
    assert workers.ended
    assert values.workers == 8


def test_without_workers_nothing_is_imported(monkeypatch):
    monkeypatch.setattr(importlib, "import_module", None)
    values = _parse()
    with worker_flags.entered(values):
        assert from_flags.playing(values)["workers"] is None


def test_workers_are_no_setting_of_a_run():
    assert set(worker_flags.NAMES) <= set(resuming.NOT_KEPT)
