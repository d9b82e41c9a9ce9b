"""Files that hold almost an agent: loaded or refused, never worse."""

import contextlib
import json
import pathlib
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

import keras_cem as cem
from keras_cem.cli.console import CommandError
from keras_cem.cli.run.folder import RunFolder
from tests import helpers, strategies

pytestmark = pytest.mark.slow

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 10**13)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["Dense", "Lambda", "Box", "Dict", "keras_cem", "os"]),
    lambda parts: (
        st.lists(parts, max_size=3)
        | st.dictionaries(st.text(max_size=5), parts, max_size=3)
    ),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    helpers.make_agent(helpers.DISCRETE).save(folder / "agent.keras")
    with zipfile.ZipFile(folder / "agent.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return folder, members


def _places(config, path=()):
    """Paths to all that a nest of lists and dictionaries holds."""
    yield path
    if isinstance(config, dict):
        inside = config.items()
    elif isinstance(config, list):
        inside = enumerate(config)
    else:
        return
    for step, part in inside:
        yield from _places(part, (*path, step))


def _replaced(config, path, value):
    if not path:
        return value
    step, *rest = path
    copied = dict(config) if isinstance(config, dict) else list(config)
    copied[step] = _replaced(copied[step], rest, value)
    return copied


@strategies.examples(80)
@given(st.data())
def test_agent_with_anything_in_its_configuration(run, data):
    folder, members = run
    config = json.loads(members["config.json"])
    path = data.draw(st.sampled_from(list(_places(config))))
    content = json.dumps(_replaced(config, path, data.draw(values)))
    _load(folder, {**members, "config.json": content})


@strategies.examples(40)
@given(st.data())
def test_agent_that_is_cut_off_or_has_another_byte(run, data):
    folder, members = run
    _load(folder, members)
    file = folder / "agent.keras"
    content = bytearray(file.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[place:]
    else:
        content[place] ^= data.draw(st.integers(1, 255))
    file.write_bytes(content)
    _load_file(folder)


def _load(folder: pathlib.Path, members):
    with zipfile.ZipFile(folder / "agent.keras", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    _load_file(folder)


def _load_file(folder):
    # Whatever else is raised fails the test.
    with contextlib.suppress(CommandError):
        assert isinstance(RunFolder(folder).load_agent(), cem.CEMAgent)
