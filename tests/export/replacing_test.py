import os

import pytest

from keras_cem.export.replacing import replacing


def _make(path, text, folder):
    if folder:
        path.mkdir()
        path = path / "file"
    path.write_text(text)


def _read(path):
    return (path / "file" if path.is_dir() else path).read_text()


@pytest.mark.parametrize("folder", [True, False], ids=["folder", "file"])
@pytest.mark.parametrize("there", [True, False], ids=["there", "new"])
def test_new_stands_in_place_of_old(folder, there, tmp_path):
    path = tmp_path / "deep" / "thing"
    path.parent.mkdir()
    if there:
        _make(path, "old", folder)
    with replacing(path) as new:
        assert new.name == path.name
        _make(new, "new", folder)
        assert not there or _read(path) == "old"
    assert _read(path) == "new"
    assert os.listdir(path.parent) == ["thing"]


@pytest.mark.parametrize("folder", [True, False], ids=["folder", "file"])
def test_old_stays_when_the_block_fails(folder, tmp_path):
    path = tmp_path / "thing"
    _make(path, "old", folder)

    def interrupted():
        with replacing(path) as new:
            _make(new, "half", folder)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert _read(path) == "old"
    assert os.listdir(tmp_path) == ["thing"]


def test_old_stays_when_nothing_was_written(tmp_path):
    _make(tmp_path / "thing", "old", True)
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "thing"):
        pass
    assert _read(tmp_path / "thing") == "old"
    assert os.listdir(tmp_path) == ["thing"]


@pytest.mark.parametrize("folder", [True, False], ids=["folder", "file"])
def test_link_is_replaced_and_not_what_it_points_to(folder, tmp_path):
    _make(tmp_path / "elsewhere", "precious", folder)
    (tmp_path / "thing").symlink_to(tmp_path / "elsewhere")
    with replacing(tmp_path / "thing") as new:
        _make(new, "new", folder)
    assert _read(tmp_path / "elsewhere") == "precious"
    assert _read(tmp_path / "thing") == "new"
    assert not (tmp_path / "thing").is_symlink()


def test_parents_are_made(tmp_path):
    with replacing(tmp_path / "a" / "b" / "c") as new:
        _make(new, "new", False)
    assert _read(tmp_path / "a" / "b" / "c") == "new"
