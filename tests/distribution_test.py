"""What package indexes and citations say, next to what the project is."""

import configparser
import pathlib
import re

import pytest

import keras_cem

ROOT = pathlib.Path(__file__).parents[1]
CITATION = (ROOT / "CITATION.cff").read_text()


@pytest.fixture(scope="module")
def metadata():
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg")
    return config["metadata"]


def cited(name):
    return re.search(rf"^{name}: (.*)$", CITATION, re.M)[1]


def test_citation_agrees_with_the_package(metadata):
    assert cited("version") == keras_cem.__version__
    assert cited("license") == metadata["license"]
    assert cited("repository-code") == metadata["url"]
    assert f"- name: {metadata['author']}\n" in CITATION


def test_addresses_are_of_one_repository(metadata):
    addresses = re.findall(r"= (\S+)", metadata["project_urls"])
    assert len(addresses) == 4
    assert all(each.startswith(metadata["url"]) for each in addresses)


def test_python_classifiers_are_those_that_are_allowed(metadata):
    named = re.findall(r"Python :: (3\.\d+)", metadata["classifiers"])
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg")
    assert config["options"]["python_requires"] == f">={named[0]}"


def test_changelog_has_the_version():
    changelog = (ROOT / "CHANGELOG.md").read_text()
    version = re.escape(keras_cem.__version__)
    assert re.search(
        rf"^## \[{version}\]|^First release, to become {version}\.",
        changelog,
        re.M,
    )
