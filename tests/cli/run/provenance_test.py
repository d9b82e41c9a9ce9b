"""What was made from an agent that is no longer the run's."""

import pytest

from keras_cem.cli import made_from
from keras_cem.cli.run_folder import RunFolder


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(tmp_path)
    for path in (folder.agent, folder.mp4, folder.policy_map):
        path.write_bytes(b"1")
    return folder


def test_files_are_of_the_agent_that_they_were_noted_with(folder):
    assert not made_from.is_current(folder, folder.mp4)
    made_from.note(folder, folder.mp4)
    assert made_from.is_current(folder, folder.mp4)
    assert not made_from.is_current(folder, folder.policy_map)
    folder.agent.write_bytes(b"2")
    made_from.note(folder, folder.policy_map)
    assert not made_from.is_current(folder, folder.mp4)
    assert made_from.is_current(folder, folder.policy_map)
    # As when training went on and the agent stayed the best.
    folder.agent.write_bytes(b"1")
    assert made_from.is_current(folder, folder.mp4)


@pytest.mark.parametrize("missing", ["agent", "mp4"])
def test_what_is_missing_is_of_no_agent(folder, missing):
    made_from.note(folder, folder.mp4)
    getattr(folder, missing).unlink()
    assert not made_from.is_current(folder, folder.mp4)


@pytest.mark.parametrize("content", ["[]", "3", "{"])
def test_another_file_is_refused(folder, content):
    folder.made_from.write_text(content)
    with pytest.raises(ValueError, match=r"made_from.json must be a file of"):
        made_from.is_current(folder, folder.mp4)
