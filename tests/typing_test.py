"""What a user's type checker learns from the package."""

import configparser
import os
import subprocess
import sys

import keras

from tests import processes

# A user's module, and what mypy must say about line 5.
SCRIPT = """
import keras_cem as cem

agent = cem.CEMAgent.from_env("CartPole-v1")
reveal_type(agent.fit("CartPole-v1"))
"""
LINE = 5
# Keras has annotations and no py.typed: README.md says to add this.
CONFIG = """
[mypy]
[mypy-keras.*]
follow_untyped_imports = true
[mypy-tensorflow.*,gymnasium.*]
ignore_missing_imports = true
"""
# mypy reports no errors inside of installed packages. Here it reads the
# package from this checkout.
AS_INSTALLED = """
[mypy-keras_cem.*]
ignore_errors = true
"""


def test_fit_returns_the_history_of_keras_for_type_checkers(tmp_path):
    (tmp_path / "user.py").write_text(SCRIPT)
    (tmp_path / "mypy.ini").write_text(CONFIG + AS_INSTALLED)
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            f"--config-file={tmp_path / 'mypy.ini'}",
            f"--cache-dir={tmp_path / 'cache'}",
            "user.py",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(processes.ROOT)},
        timeout=processes.PATIENCE,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    history = keras.callbacks.History
    assert (
        f"user.py:{LINE}: note: Revealed type is "
        f'"{history.__module__}.{history.__qualname__}"'
    ) in ended.stdout


def test_marker_of_types_is_installed():
    config = configparser.ConfigParser(interpolation=None)
    config.read(processes.ROOT / "setup.cfg")
    files = config["options.package_data"]["keras_cem"].split(",")
    assert "py.typed" in [name.strip() for name in files]
    assert (processes.ROOT / "keras_cem" / "py.typed").exists()
