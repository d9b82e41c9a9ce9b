"""The folder that a training run leaves behind."""

import json
import os
import pathlib
import platform
import shutil
from typing import Any

import gymnasium
import keras
import numpy as np
import tensorflow as tf

from keras_cem import CEMAgent, files
from keras_cem.checkpoint_store import CheckpointStore
from keras_cem.cli.errors import CommandError
from keras_cem.version import __version__


class RunFolder:
    """Paths of a run, and what is written there.

    Args:
        path: The folder.

    Attributes:
        agent: The best agent by greedy evaluation.
        last: The agent as training ended.
        policy: SavedModel of the best agent.
        history: One line an epoch.
        config: Every setting, the versions and the seed.
        results: What the best agent reaches.
        learning_curve: Picture of the history.
        returns: Picture of the final evaluation.
        checkpoints: What the run can be resumed from.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = pathlib.Path(path)
        self.agent = self.path / "agent.keras"
        self.last = self.path / "last.keras"
        self.policy = self.path / "policy"
        self.history = self.path / "history.csv"
        self.config = self.path / "config.json"
        self.results = self.path / "results.json"
        self.learning_curve = self.path / "learning_curve.png"
        self.returns = self.path / "returns.png"
        self.checkpoints = self.path / "checkpoints"

    def create(self, *, overwrite: bool) -> None:
        """Makes the folder, and shows that it can be written to.

        Args:
            overwrite: Whether a run that is there already is removed first.
                Only files that a run leaves are.

        Raises:
            CommandError: If the folder holds something and `overwrite` is
                false, or if it cannot be written.
        """
        probe = self.path / ".writable"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise CommandError(
                "--output must be a folder that can be written. "
                f"Received: --output={self.path}. {error}"
            ) from error
        if not overwrite and any(self.path.iterdir()):
            raise CommandError(
                "--output must be a new or empty folder. "
                f"Received: --output={self.path}, which holds something. Give "
                "another, or --overwrite to replace the run in it."
            )
        for path in vars(self).values():
            if path.is_file():
                path.unlink()
        remove_saved_model(self.policy)
        CheckpointStore(self.checkpoints).clear()

    def write_policy(self, agent: CEMAgent) -> None:
        """Exports an agent as `policy`, which is whole or not there."""
        # Of an export that was killed.
        for left in self.path.glob(f".partial-{self.policy.name}-*"):
            shutil.rmtree(left)
        remove_saved_model(self.policy)
        agent.export(self.policy)

    def load_agent(self) -> CEMAgent:
        """Returns the best agent.

        Raises:
            CommandError: If this is not the folder of a run.
        """
        if not self.agent.is_file():
            raise CommandError(
                "--run must be a folder that `keras-cem train` made. "
                f"Received: --run={self.path}, where {self.agent.name} is "
                "missing"
            )
        loaded = keras.saving.load_model(self.agent)
        if not isinstance(loaded, CEMAgent):
            raise CommandError(
                f"{self.agent} must hold a CEMAgent. "
                f"Received: {type(loaded).__name__}"
            )
        return loaded

    def read_config(self) -> dict[str, Any]:
        """Returns the settings of the run.

        Raises:
            CommandError: If there are none.
        """
        try:
            return json.loads(self.config.read_text())
        except (OSError, ValueError) as error:
            raise CommandError(
                "--run must be a folder that `keras-cem train` made. "
                f"Received: --run={self.path}. {error}"
            ) from error


def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    return {
        "python": platform.python_version(),
        "keras_cem": __version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "gymnasium": gymnasium.__version__,
        "numpy": np.__version__,
    }


def write_json(path: pathlib.Path, content: dict[str, Any]) -> None:
    """Writes JSON that is either whole or not there."""
    with files.replacing(path) as partial:
        partial.write_text(json.dumps(content, indent=2) + "\n")


def remove_saved_model(path: pathlib.Path) -> None:
    """Removes a SavedModel, and no other folder.

    Raises:
        CommandError: If there is something else at `path`.
    """
    if not path.exists():
        return
    if not (path / "saved_model.pb").is_file():
        raise CommandError(
            f"{path} must be a SavedModel to be overwritten. Received: "
            "something else, which is left alone"
        )
    shutil.rmtree(path)
