"""The folder that a training run leaves behind."""

import json
import os
import pathlib
import platform
import shutil
import tempfile
from typing import Any

import gymnasium
import keras
import numpy as np
import tensorflow as tf

from keras_cem import CEMAgent
from keras_cem.cli.console import CommandError
from keras_cem.cli.run import agent_file
from keras_cem.cli.run import config as run_config
from keras_cem.saving.checkpoint_store import CheckpointStore
from keras_cem.utils import files
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
        returns: Picture of returns, from the first to the final evaluation.
        policy_map: Picture of the policy, of two-dimensional observations.
        policies: Policies in training, of few of many iterations.
        policy_maps: Maps of them.
        mp4: Film of greedy episodes.
        gif: The same, small.
        report: All of it on one page.
        tensorboard: What TensorBoard shows.
        stages: Returns in training, of few of many iterations.
        made_from: Which agent policy maps and films were made from.
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
        self.policy_map = self.path / "policy_map.png"
        self.policies = self.path / "policies.npz"
        self.policy_maps = self.path / "policy_maps.json"
        self.mp4 = self.path / "video.mp4"
        self.gif = self.path / "video.gif"
        self.report = self.path / "report.html"
        self.tensorboard = self.path / "tensorboard"
        self.stages = self.path / "returns.json"
        self.made_from = self.path / "made_from.json"
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
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            # A name that nobody could have put a link at.
            with tempfile.TemporaryFile(dir=self.path):
                pass
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
        self.check_links()
        for path in vars(self).values():
            if path.is_file():
                path.unlink()
        for path in self.tensorboard.rglob("events.out.tfevents.*"):
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
        self.check_links()
        return agent_file.load(self.agent)

    def read_config(
        self, env: str | None = None, *, plays: bool = True
    ) -> dict[str, Any]:
        """Returns the settings of the run.

        Args:
            env: Id of the environment that the user gave; with None the run's
                own is taken.
            plays: Whether the environment will be made.

        Raises:
            CommandError: If there are none, or they are not what a run writes,
                or the run's own environment is in a module to be imported.
        """
        self.check_links()
        try:
            run_config.check_size(self.config.stat().st_size)
            config = run_config.parse(self.config.read_bytes())
        except (OSError, ValueError) as error:
            raise CommandError(
                "--run must be a folder that `keras-cem train` made. "
                f"Received: --run={self.path}. {error}"
            ) from error
        recorded = config["flags"]["env"]
        if plays and env is None and ":" in recorded:
            # gymnasium imports what stands before the colon.
            raise CommandError(
                "--env must be given where a run's own names a module, which "
                f"runs its code. Received: {recorded!r} in {self.config}. If "
                f"you trust it: --env={recorded}"
            )
        return config

    def check_links(self) -> None:
        """Refuses symbolic links: a stranger's may lead out of the folder.

        Raises:
            CommandError: If a file of the run is one, or is in or below one.
        """
        own = [path for path in vars(self).values() if path != self.path]
        # What is there while a file is written.
        own += self.path.glob(".partial-*")
        for path in own:
            for link in (path, *path.rglob("*")):
                if link.is_symlink():
                    raise CommandError(
                        f"{link} must be no symbolic link. "
                        f"Received: a link to {os.readlink(link)}"
                    )
                # To open a named pipe waits for whoever writes to it.
                if link.exists() and not (link.is_file() or link.is_dir()):
                    raise CommandError(
                        f"{link} must be a file or a folder. Received: a pipe "
                        "or a device"
                    )


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


def write_json(
    path: pathlib.Path, content: dict[str, Any], indent: int | None = 2
) -> None:
    """Writes JSON that is either whole or not there."""
    with files.replacing(path) as partial:
        partial.write_text(json.dumps(content, indent=indent) + "\n")


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
