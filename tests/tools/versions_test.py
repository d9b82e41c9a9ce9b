"""What `make versions` takes from setup.cfg, and which Pythons it finds."""

import pathlib
import subprocess
import sys
import types

import pytest

from tools import versions

ROOT = pathlib.Path(__file__).resolve().parents[2]
SETUP = """
[metadata]
classifiers =
    Programming Language :: Python :: 3
    Programming Language :: Python :: 3.13
    Programming Language :: Python :: 3.9
[options]
install_requires =
    # A comment.
    keras>=3.15
    absl-py>=2.0
[options.extras_require]
test =
    keras-cem[plot]
    pytest>=8.4
    pytest-xdist>=3.8
"""
THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def test_environments_are_the_oldest_and_the_newest_of_each_python():
    supported = versions.read_supported(SETUP)
    assert supported.names == ["keras", "absl-py"]
    folder = pathlib.Path("folder")
    lower = ("keras>=3.15", "absl-py>=2.0", "pytest>=8.4")
    assert versions.environments(supported, folder) == [
        versions.Environment(
            folder / ".venv-oldest",
            "3.9",
            ("keras==3.15", "absl-py==2.0", "pytest>=8.4"),
        ),
        versions.Environment(
            folder / ".venv-newest-3.9",
            "3.9",
            lower,
            (
                "tests/smoke_test.py",
                "tests/golden_test.py",
                "tests/readme_test.py",
            ),
        ),
        versions.Environment(folder / ".venv-newest-3.13", "3.13", lower),
    ]


@pytest.mark.parametrize("bad", ["keras", "keras==3.15", "keras>=3.15,<4"])
def test_requirement_without_a_lower_bound_alone_is_refused(bad):
    text = SETUP.replace("keras>=3.15", bad)
    with pytest.raises(versions.VersionsError, match=f"Received: '{bad}'"):
        versions.read_supported(text)


def test_setup_cfg_can_be_read():
    supported = versions.read_supported((ROOT / "setup.cfg").read_text())
    assert {"keras", "tensorflow", "gymnasium"} < set(supported.names)
    assert supported.pythons[0] == "3.11"


def test_interpreters_are_found_by_running_them(tmp_path, monkeypatch):
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert versions.find_interpreter(THIS_PYTHON) == sys.executable
    # One that says it is another version, and one that cannot run.
    folder = tmp_path / "versions" / "3.99.0" / "bin"
    folder.mkdir(parents=True)
    (folder / "python").symlink_to(sys.executable)
    assert versions.find_interpreter("3.99") is None
    (folder / "python").unlink()
    (folder / "python").write_text("#!/bin/sh\nexit 127\n")
    (folder / "python").chmod(0o755)
    assert versions.find_interpreter("3.99") is None
    (folder / "python").write_text("#!/bin/sh\necho 3.99\n")
    assert versions.find_interpreter("3.99") == str(folder / "python")


def test_there_must_be_one_wheel(tmp_path):
    with pytest.raises(versions.VersionsError, match=r"Received: \[\]. Run"):
        versions.find_wheel(tmp_path)
    wheel = tmp_path / "keras_cem-0.1.0-py3-none-any.whl"
    wheel.touch()
    assert versions.find_wheel(tmp_path) == wheel
    (tmp_path / "keras_cem-0.2.0-py3-none-any.whl").touch()
    with pytest.raises(versions.VersionsError, match="must have one wheel"):
        versions.find_wheel(tmp_path)


def test_without_a_wheel_nothing_runs(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(versions, "ROOT", tmp_path)
    (tmp_path / "setup.cfg").write_text(SETUP)
    assert versions.main([]) == 2
    assert "Run `make dist`." in capsys.readouterr().err


@pytest.fixture
def one_found(monkeypatch):
    """There is a wheel. Of two Pythons, this machine has the first."""
    wheel = pathlib.Path("keras_cem.whl")
    monkeypatch.setattr(versions, "find_wheel", lambda _: wheel)
    monkeypatch.setattr(
        versions,
        "read_supported",
        lambda _: versions.Supported(
            ("keras>=3.15",), "pytest>=8.4", ("3.11", "3.99")
        ),
    )
    monkeypatch.setattr(
        versions,
        "find_interpreter",
        lambda python: "python" if python == "3.11" else None,
    )


def fake_runs(monkeypatch, code, pip=""):
    """Commands print what they would, and tests exit with `code`.

    pip fails with `pip` as its message if there is one.
    """
    commands = []

    def run(command, **_):
        commands.append(command)
        if pip and "pip" in command:
            return types.SimpleNamespace(returncode=1, stdout=pip)
        tests = versions.SMOKE_TESTS in command
        return types.SimpleNamespace(
            returncode=code if tests else 0,
            stdout="9 passed in 1s\n" if tests else '{"keras": "3.15.0"}\n',
        )

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_what_ran_and_what_was_skipped_is_printed(
    one_found, monkeypatch, capsys
):
    commands = fake_runs(monkeypatch, 0)
    assert versions.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(".venv-newest-3.99: skipped")
    assert lines[1].startswith(".venv-oldest: keras 3.15.0: 9 passed in 1s")
    assert lines[2].startswith(".venv-newest-3.11: keras 3.15.0: 9 passed")
    installed = [command for command in commands if "pip" in command]
    assert {command[-1] for command in installed} == {"keras_cem.whl"}
    assert sorted(
        command[-3] for command in installed if "--upgrade" in command
    ) == ["keras==3.15", "keras>=3.15"]


def test_failures_are_printed_and_counted(one_found, monkeypatch, capsys):
    fake_runs(monkeypatch, 1)
    assert versions.main([]) == 1
    printed = capsys.readouterr()
    assert ".venv-oldest: failed\nkeras 3.15.0\n" in printed.out
    assert printed.err == "Failed: .venv-oldest, .venv-newest-3.11\n"


@pytest.mark.parametrize(
    ("message", "code", "printed"),
    [
        (
            "WARNING: Retrying after connection broken by 'NewConnectionError'"
            "\nERROR: No matching distribution found for keras==3.15",
            0,
            ".venv-oldest: skipped, the package index cannot be reached\n",
        ),
        (
            "ERROR: No matching distribution found for keras==3.15",
            1,
            ".venv-oldest: failed\n",
        ),
    ],
    ids=["unreachable", "unsatisfiable"],
)
def test_network_trouble_is_no_failure(
    one_found, monkeypatch, capsys, message, code, printed
):
    fake_runs(monkeypatch, 0, pip=message)
    assert versions.main([]) == code
    told = capsys.readouterr().out
    assert printed in told
    assert message in told
