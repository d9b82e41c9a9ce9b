import os

import pytest

from keras_cem.utils import files


def test_replacing_writes_a_new_file(tmp_path):
    path = tmp_path / "note.txt"
    with files.replacing(path) as partial:
        partial.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["note.txt"]


def test_old_file_is_there_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "note.txt"
    path.write_text("old")
    with files.replacing(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_old_file_stays_if_writing_fails(error, tmp_path):
    path = tmp_path / "note.txt"
    path.write_text("old")

    def fail():
        with files.replacing(path) as partial:
            partial.write_text("half of the n")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["note.txt"]


def test_link_goes_on_pointing_to_the_file(tmp_path):
    (tmp_path / "real").mkdir()
    path, link = tmp_path / "real" / "note.txt", tmp_path / "link.txt"
    path.write_text("old")
    link.symlink_to(path)
    with files.replacing(link) as partial:
        partial.write_text("new")
    assert link.is_symlink()
    assert path.read_text() == "new"


def test_all_is_on_the_disk_before_the_file_takes_its_place(
    tmp_path, monkeypatch
):
    path, order = tmp_path / "note.txt", []

    def noting(name, function):
        def noted(*args):
            order.append((name, path.exists()))
            return function(*args)

        monkeypatch.setattr(os, name, noted)

    noting("fsync", os.fsync)
    noting("replace", os.replace)
    with files.replacing(path) as partial:
        partial.write_text("new")
    # The file, its new name, the folder.
    assert order == [("fsync", False), ("replace", False), ("fsync", True)]


# Folders


def _make(folder, text):
    folder.mkdir()
    (folder / "note.txt").write_text(text)


def _read(folder):
    return (folder / "note.txt").read_text()


@pytest.mark.parametrize("is_there", [True, False])
def test_new_folder_stands_in_place_of_the_old(is_there, tmp_path):
    folder = tmp_path / "notes"
    if is_there:
        _make(folder, "old")
    with files.replacing_folder(folder) as new:
        _make(new, "new")
        assert not is_there or _read(folder) == "old"
    assert _read(folder) == "new"
    assert os.listdir(tmp_path) == ["notes"]


def test_old_folder_stays_if_making_the_new_one_fails(tmp_path):
    _make(tmp_path / "notes", "old")

    def interrupted():
        with files.replacing_folder(tmp_path / "notes") as new:
            _make(new, "half of the n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert _read(tmp_path / "notes") == "old"
    assert os.listdir(tmp_path) == ["notes"]


def test_old_folder_stays_if_there_is_no_new_one(tmp_path):
    _make(tmp_path / "notes", "old")
    with (
        pytest.raises(FileNotFoundError),
        files.replacing_folder(tmp_path / "notes"),
    ):
        pass
    assert _read(tmp_path / "notes") == "old"
    assert os.listdir(tmp_path) == ["notes"]


def test_link_to_a_folder_is_replaced_and_not_what_it_points_to(tmp_path):
    _make(tmp_path / "precious", "old")
    (tmp_path / "notes").symlink_to(tmp_path / "precious")
    with files.replacing_folder(tmp_path / "notes") as new:
        _make(new, "new")
    assert _read(tmp_path / "precious") == "old"
    assert _read(tmp_path / "notes") == "new"
    assert not (tmp_path / "notes").is_symlink()
