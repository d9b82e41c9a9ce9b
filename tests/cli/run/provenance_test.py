"""What was made from an agent that is no longer the run's."""

import pytest

from keras_cem.cli.run import provenance
from keras_cem.cli.run.folder import RunFolder


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(tmp_path)
    for path in (folder.agent, folder.mp4, folder.policy_map):
        path.write_bytes(b"1")
    return folder


def test_files_are_of_the_agent_that_they_were_noted_with(folder):
    assert not provenance.is_current(folder, folder.mp4)
    provenance.note(folder, folder.mp4)
    assert provenance.is_current(folder, folder.mp4)
    assert not provenance.is_current(folder, folder.policy_map)
    folder.agent.write_bytes(b"2")
    provenance.note(folder, folder.policy_map)
    assert not provenance.is_current(folder, folder.mp4)
    assert provenance.is_current(folder, folder.policy_map)
    # As when training went on and the agent stayed the best.
    folder.agent.write_bytes(b"1")
    assert provenance.is_current(folder, folder.mp4)


@pytest.mark.parametrize("missing", ["agent", "mp4"])
def test_what_is_missing_is_of_no_agent(folder, missing):
    provenance.note(folder, folder.mp4)
    getattr(folder, missing).unlink()
    assert not provenance.is_current(folder, folder.mp4)


@pytest.mark.parametrize("content", ["[]", "3", "{"])
def test_another_file_is_refused(folder, content):
    folder.provenance.write_text(content)
    with pytest.raises(
        ValueError, match=r"made_from.json must be a file written by"
    ):
        provenance.is_current(folder, folder.mp4)
