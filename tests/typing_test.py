"""What a user's type checker learns from the package."""

import configparser
import os
import re
import subprocess
import sys

import keras
import pytest

from tests import processes

pytestmark = pytest.mark.slow

# A user's module without errors, and the types that mypy must reveal.
SCRIPT = """
import keras_cem as cem

agent = cem.CEMAgent.from_env("CartPole-v1", elite_quantile=0.7, seed=None)
reveal_type(agent.fit("CartPole-v1"))
reveal_type(agent.elite_quantile)
reveal_type(agent.minibatch_size)
reveal_type(agent.seed)
reveal_type(agent.epsilon)
agent.epsilon = 0.5
agent.evaluate("CartPole-v1", engine="graph", max_episode_steps=None)
again = cem.CEMAgent(
    agent.policy, action_space=agent.action_space, ties="strict", name="mine"
)
"""
HISTORY = keras.callbacks.History
REVEALED = {
    5: f"{HISTORY.__module__}.{HISTORY.__qualname__}",
    6: "float",
    7: "int | None",
    8: "int",
}
# Lines with a mistake, and what mypy must say about each.
MISTAKES = {
    'cem.CEMAgent.from_env("CartPole-v1", elite_quantile="0.7")': (
        'Argument "elite_quantile" to "from_env" of "CEMAgent" has '
        'incompatible type "str"; expected "float"'
    ),
    "cem.CEMAgent(agent.policy, agent.action_space, gradient_steps=[])": (
        'Argument "gradient_steps" to "CEMAgent" has incompatible type '
        '"list[Never]"; expected "int | None"'
    ),
    "cem.CEMAgent(agent.policy, agent.action_space, elite_quantil=0.7)": (
        'Unexpected keyword argument "elite_quantil" for "CEMAgent"; did you '
        'mean "elite_quantile"?'
    ),
    "agent.elite_quantile = 0.5": (
        'Property "elite_quantile" defined in "CEMOptions" is read-only'
    ),
    'agent.fit("CartPole-v1", num_envs="2")': (
        'Argument "num_envs" to "fit" of "EnvironmentTrainer" has incompatible '
        'type "str"; expected "int | None"'
    ),
    'agent.collect("CartPole-v1", num_env=2)': (
        'Unexpected keyword argument "num_env" for "collect" of "CEMAgent"'
    ),
}
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


def checked(script, folder):
    """What mypy says first about each line of a user's module, and all."""
    (folder / "user.py").write_text(script)
    (folder / "mypy.ini").write_text(CONFIG + AS_INSTALLED)
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            f"--config-file={folder / 'mypy.ini'}",
            f"--cache-dir={folder / 'cache'}",
            "user.py",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(processes.ROOT)},
        timeout=processes.PATIENCE,
    )
    text = ended.stdout + ended.stderr
    said = re.findall(r"^user\.py:(\d+): (\w+): (.*)$", text, re.M)
    first = {int(line): (kind, what) for line, kind, what in reversed(said)}
    return first, text


def test_types_of_a_users_script(tmp_path):
    mistakes = "\n".join(MISTAKES)
    said, text = checked(SCRIPT + mistakes, tmp_path)
    for line, kind in REVEALED.items():
        assert said.pop(line) == ("note", f'Revealed type is "{kind}"'), text
    assert "Variable" in said.pop(9)[1], text
    first = len(SCRIPT.splitlines()) + 1
    for line, (mistake, expected) in enumerate(MISTAKES.items(), first):
        kind, what = said.pop(line)
        assert kind == "error", mistake
        assert what.startswith(expected), mistake
    assert said == {}, text


def test_marker_of_types_is_installed():
    config = configparser.ConfigParser(interpolation=None)
    config.read(processes.ROOT / "setup.cfg")
    files = config["options.package_data"]["keras_cem"].split(",")
    assert "py.typed" in [name.strip() for name in files]
    assert (processes.ROOT / "keras_cem" / "py.typed").exists()
