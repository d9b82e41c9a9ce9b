import json
import zipfile

import keras
import pytest

from keras_cem.saving import config_versions
from keras_cem.version import __version__
from tests.helpers import DISCRETE, make_agent


def test_versions_are_written_and_taken_off():
    config = {"seed": 1}
    stamped = config_versions.stamp(config)
    assert stamped == {
        **config_versions.HINT,
        "seed": 1,
        "format_version": config_versions.FORMAT_VERSION,
        "keras_cem_version": __version__,
    }
    assert config_versions.migrate(stamped) == config


@pytest.mark.parametrize(
    "version", [config_versions.FORMAT_VERSION + 1, 0, "1", None]
)
def test_format_that_is_not_known_is_refused_with_both_versions(version):
    config = {"format_version": version, "keras_cem_version": "9.8.7"}
    with pytest.raises(ValueError, match="must be saved in format") as error:
        config_versions.migrate(config)
    message = str(error.value)
    assert (
        f"format version {config_versions.FORMAT_VERSION} or earlier" in message
    )
    assert f"keras_cem {__version__}" in message
    assert f"format_version={version!r}, saved by keras_cem 9.8.7" in message


def test_each_migration_is_applied_in_turn(monkeypatch):
    """From version 1 to 3: what was `a` is `b`, and is then doubled."""
    monkeypatch.setattr(config_versions, "FORMAT_VERSION", 3)
    monkeypatch.setattr(
        config_versions,
        "MIGRATIONS",
        {
            1: lambda config: {"b": config["a"]},
            2: lambda config: {"b": 2 * config["b"]},
        },
    )
    old = {"keras_cem_version": "0.1.0"}
    assert config_versions.migrate({"format_version": 1, "a": 5, **old}) == {
        "b": 10
    }
    assert config_versions.migrate({"format_version": 2, "b": 5, **old}) == {
        "b": 10
    }
    assert config_versions.migrate({"format_version": 3, "b": 5, **old}) == {
        "b": 5
    }


def test_agent_saved_by_a_later_version_is_refused(tmp_path):
    path, later = tmp_path / "agent.keras", tmp_path / "later.keras"
    make_agent(DISCRETE).save(path)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(later, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                saved = json.loads(content)
                saved["config"]["format_version"] = 99
                saved["config"]["keras_cem_version"] = "9.8.7"
                content = json.dumps(saved).encode()
            new.writestr(name, content)
    with pytest.raises(Exception, match="format_version=99, saved by") as error:
        keras.saving.load_model(later)
    assert "keras_cem 9.8.7" in str(error.value)
