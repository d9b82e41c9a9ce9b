import errno
import json
import os

import pytest

from keras_cem.saving.checkpoint_store import (
    FORMAT_VERSION,
    MANIFEST,
    CheckpointStore,
)
from keras_cem.version import __version__


def _write(store, epochs, text="some text"):
    def fill(folder):
        (folder / "a.txt").write_text(text)
        (folder / "b.bin").write_bytes(bytes(range(256)))

    return store.write(epochs, fill)


def _names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_checkpoint_has_what_was_filled_in_and_a_manifest(tmp_path):
    store = CheckpointStore(tmp_path / "new" / "folder")
    path = _write(store, 12)
    assert path == tmp_path / "new" / "folder" / "epoch-000012"
    assert _names(path) == ["a.txt", "b.bin", MANIFEST]
    manifest = json.loads((path / MANIFEST).read_text())
    assert manifest["format_version"] == FORMAT_VERSION
    assert manifest["keras_cem_version"] == __version__
    # sha256sum of "some text".
    assert manifest["files"]["a.txt"] == {
        "size": 9,
        "sha256": "b94f6f125c79e3a5ffaa826f584c10d5"
        "2ada669e6762051b826b55776d05aed2",
    }
    assert store.newest() == path


def test_the_newest_stay(tmp_path):
    store = CheckpointStore(tmp_path, keep=2)
    for epochs in (1, 5, 10, 100):
        _write(store, epochs)
    assert _names(tmp_path) == ["epoch-000010", "epoch-000100"]
    assert store.newest() == tmp_path / "epoch-000100"


def test_checkpoint_of_the_same_epoch_is_replaced(tmp_path):
    store = CheckpointStore(tmp_path)
    _write(store, 3)
    path = _write(store, 3, "other text")
    assert (path / "a.txt").read_text() == "other text"
    assert _names(tmp_path) == ["epoch-000003"]


def test_no_checkpoint_is_none(tmp_path):
    for store in (CheckpointStore(tmp_path), CheckpointStore(tmp_path / "x")):
        assert store.newest() is None
        assert store.is_empty()


def test_what_a_kill_left_behind_is_no_checkpoint_and_goes(tmp_path):
    store = CheckpointStore(tmp_path)
    path = _write(store, 1)
    for left in (".partial-epoch-000002", ".partial-epoch-000001-removed"):
        (tmp_path / left).mkdir()
        (tmp_path / left / "a.txt").write_text("some")
    assert store.newest() == path
    _write(store, 2)
    assert _names(tmp_path) == ["epoch-000001", "epoch-000002"]


def test_all_is_on_the_disk_before_a_checkpoint_has_its_name(
    tmp_path, monkeypatch
):
    store = CheckpointStore(tmp_path)
    events = []
    sync, rename = os.fsync, os.rename

    def noting_sync(descriptor):
        events.append(
            os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}"))
        )
        sync(descriptor)

    def noting_rename(source, target):
        events.append(f"-> {os.path.basename(target)}")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", noting_sync)
    monkeypatch.setattr(os, "rename", noting_rename)
    _write(store, 1)
    assert events == [
        "a.txt",
        "b.bin",
        MANIFEST,
        ".partial-epoch-000001",
        "-> epoch-000001",
        tmp_path.name,
    ]


def _truncate(path):
    os.truncate(path / "b.bin", 100)


def _flip(path):
    content = bytearray((path / "b.bin").read_bytes())
    content[7] ^= 1
    (path / "b.bin").write_bytes(content)


def _remove_file(path):
    (path / "a.txt").unlink()


def _remove_manifest(path):
    (path / MANIFEST).unlink()


def _truncate_manifest(path):
    os.truncate(path / MANIFEST, 50)


def _empty_manifest(path):
    (path / MANIFEST).write_text("[]")


BROKEN = [
    (_truncate, "b.bin has 100 bytes, not 256"),
    (_flip, "b.bin has a wrong checksum"),
    (_remove_file, "a.txt is missing"),
    (_remove_manifest, f"{MANIFEST} cannot be read (No such file"),
    (_truncate_manifest, f"{MANIFEST} is damaged (JSONDecodeError"),
    (_empty_manifest, f"{MANIFEST} is damaged (TypeError"),
]


@pytest.mark.parametrize(("breaking", "fault"), BROKEN)
def test_broken_checkpoint_is_passed_over_with_the_reason(
    breaking, fault, tmp_path
):
    store = CheckpointStore(tmp_path)
    before = _write(store, 2)
    breaking(_write(store, 4))
    with pytest.warns(
        UserWarning, match="Skipped damaged checkpoints"
    ) as warned:
        assert store.newest() == before
    message = str(warned[0].message)
    assert (
        f"in {tmp_path} and used epoch-000002: epoch-000004, where " in message
    )
    assert fault in message


def test_broken_checkpoints_alone_are_an_error(tmp_path):
    store = CheckpointStore(tmp_path)
    _truncate(_write(store, 2))
    _flip(_write(store, 4))
    with pytest.raises(
        ValueError, match=r"All checkpoints in .* are damaged"
    ) as e:
        store.newest()
    assert "epoch-000004, where b.bin has a wrong" in str(e.value)
    assert "epoch-000002, where b.bin has 100 bytes" in str(e.value)


def test_broken_checkpoint_goes_once_training_went_on_from_an_earlier(tmp_path):
    store = CheckpointStore(tmp_path)
    _write(store, 2)
    _flip(_write(store, 4))
    _write(store, 3)
    assert _names(tmp_path) == ["epoch-000002", "epoch-000003"]


def test_manifest_cannot_name_files_elsewhere(tmp_path):
    store = CheckpointStore(tmp_path)
    path = _write(store, 1)
    (tmp_path / "secret.txt").write_text("")
    manifest = json.loads((path / MANIFEST).read_text())
    manifest["files"]["../secret.txt"] = {"size": 0, "sha256": ""}
    (path / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match=r"\.\./secret\.txt is missing"):
        store.newest()


def test_checkpoint_of_a_later_format_is_refused_with_both_versions(tmp_path):
    store = CheckpointStore(tmp_path)
    _write(store, 1)
    path = _write(store, 2)
    manifest = json.loads((path / MANIFEST).read_text())
    manifest |= {"format_version": 99, "keras_cem_version": "9.8.7"}
    (path / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match="must have format version") as error:
        store.newest()
    message = str(error.value)
    assert f"version {FORMAT_VERSION}, which keras_cem {__version__}" in message
    assert "format version 99, written by keras_cem 9.8.7" in message


@pytest.mark.parametrize("number", range(4))
def test_full_disk_leaves_those_before_whole_and_nothing_half_written(
    number, tmp_path, monkeypatch
):
    """The disk is full at each of the files in turn, and at the folder."""
    store = CheckpointStore(tmp_path)
    before = _write(store, 1)
    calls, sync = [], os.fsync

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) > number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RuntimeError, match="No space left on device") as error:
        _write(store, 2)
    assert f"{tmp_path / 'epoch-000002'} could not be written" in str(
        error.value
    )
    assert "The previous checkpoint, epoch-000001, is complete. Free" in str(
        error.value
    )
    assert _names(tmp_path) == ["epoch-000001"]
    assert store.newest() == before


def test_interrupt_leaves_nothing_half_written(tmp_path):
    store = CheckpointStore(tmp_path)

    def fill(folder):
        (folder / "a.txt").write_text("half of it")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.write(1, fill)
    assert _names(tmp_path) == []


def test_clear_removes_checkpoints_and_nothing_else(tmp_path):
    folder = tmp_path / "checkpoints"
    store = CheckpointStore(folder)
    _write(store, 1)
    (folder / "mine.txt").write_text("")
    store.clear()
    assert _names(folder) == ["mine.txt"]
    (folder / "mine.txt").unlink()
    store.clear()
    assert not folder.exists()
