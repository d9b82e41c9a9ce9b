"""The folder of a training run."""

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
from keras_cem.cli.run import agent_file, environment
from keras_cem.cli.run import config as run_config
from keras_cem.saving.checkpoint_store import CheckpointStore
from keras_cem.utils import files
from keras_cem.version import __version__


class RunFolder:
    """Paths of the files of a run.

    Args:
        path: The folder.

    Attributes:
        agent: The best agent by greedy evaluation.
        last: The agent at the end of training.
        policy: SavedModel of the best agent.
        history: Training history, one line per epoch.
        config: All settings, the versions and the seed.
        results: Final evaluation of the best agent.
        learning_curve: Picture of the history.
        returns: Picture of the returns in training and final evaluation.
        policy_map: Picture of the policy, for two-dimensional observations.
        policies: Snapshots of the policy at selected iterations.
        policy_maps: Maps of these snapshots.
        mp4: Video of greedy episodes.
        gif: The same video, smaller.
        report: Report of the run, on one page.
        tensorboard: Logs for TensorBoard.
        tracking: Keys of the runs in other trackers.
        stages: Returns in training at selected iterations.
        provenance: The agents that policy maps and videos were made from.
        checkpoints: Checkpoints to resume the run from.
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
        self.tracking = self.path / "tracking.json"
        self.stages = self.path / "returns.json"
        self.provenance = self.path / "made_from.json"
        self.checkpoints = self.path / "checkpoints"

    def create(self, *, overwrite: bool) -> None:
        """Creates the folder and checks that it is writable.

        Args:
            overwrite: Whether to remove an existing run first. Only files of a
                run are removed.

        Raises:
            CommandError: If the folder is not empty and `overwrite` is false,
                or if the folder is not writable.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            # The name is random, so no link can wait there.
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise CommandError(
                "--output must be a writable folder. Received: "
                f"--output={self.path}. {error}"
            ) from error
        if not overwrite and any(self.path.iterdir()):
            raise CommandError(
                "--output must be a new or empty folder. Received: "
                f"--output={self.path}, which is not empty. Choose another "
                "folder, or give --overwrite to replace the run in it."
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
        """Exports an agent to `policy`, completely or not at all."""
        # Remove the rest of an export that was killed.
        for left in self.path.glob(f".partial-{self.policy.name}-*"):
            shutil.rmtree(left)
        remove_saved_model(self.policy)
        agent.export(self.policy)

    def load_agent(self) -> CEMAgent:
        """Returns the best agent.

        Raises:
            CommandError: If this is not the folder of a run, or its agent
                cannot be loaded.
        """
        if not self.agent.is_file():
            raise CommandError(
                "--run must be a run folder of `keras-cem train`. Received: "
                f"--run={self.path}, which has no {self.agent.name}"
            )
        self.check_links()
        return agent_file.load(self.agent)

    def read_config(
        self,
        env: str | None = None,
        wrappers: list[str] | None = None,
        *,
        plays: bool = True,
    ) -> dict[str, Any]:
        """Returns the settings of the run.

        Args:
            env: Id of the environment that the user gave. Defaults to `None`:
                the run's own environment.
            wrappers: Wrappers that the user gave. Defaults to `None`: none.
            plays: Whether the caller will make the environment. Defaults to
                `True`.

        Raises:
            CommandError: If the settings are missing or invalid, or if making
                the run's own environment would import a module.
        """
        self.check_links()
        try:
            run_config.check_size(self.config.stat().st_size)
            config = run_config.parse(self.config.read_bytes())
        except (OSError, ValueError) as error:
            raise CommandError(
                "there is no readable run of `keras-cem train` in "
                f"{self.path}. {error}"
            ) from error
        recorded = config["flags"]["env"]
        if plays and env is None and ":" in recorded:
            # gymnasium imports the module in front of the colon.
            raise CommandError(
                "--env must be given, because the run's environment names a "
                f"module whose code would run. Received: {recorded!r} in "
                f"{self.config}. If you trust the module, give "
                f"--env={recorded}"
            )
        if plays:
            environment.check_trust(config["flags"], env, wrappers)
        return config

    def check_links(self) -> None:
        """Refuses symbolic links, which may lead out of the folder.

        Raises:
            CommandError: If a file of the run, or a file below a folder of the
                run, is a symbolic link, a pipe or a device.
        """
        own = [path for path in vars(self).values() if path != self.path]
        # Temporary names of files while they are written.
        own += self.path.glob(".partial-*")
        for path in own:
            for link in (path, *path.rglob("*")):
                if link.is_symlink():
                    raise CommandError(
                        f"{link} must not be a symbolic link. Received: a "
                        f"link to {os.readlink(link)}"
                    )
                # Opening a named pipe would wait for a writer.
                if link.exists() and not (link.is_file() or link.is_dir()):
                    raise CommandError(
                        f"{link} must be a file or a folder. Received: a pipe "
                        "or a device"
                    )


def versions() -> dict[str, str]:
    """Returns the versions of the packages that results depend on."""
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
    """Writes a JSON file, completely or not at all."""
    with files.replacing(path) as partial:
        partial.write_text(json.dumps(content, indent=indent) + "\n")


def remove_saved_model(path: pathlib.Path) -> None:
    """Removes a SavedModel if there is one; refuses any other folder.

    Raises:
        CommandError: If `path` is not a SavedModel.
    """
    if not path.exists():
        return
    if not (path / "saved_model.pb").is_file():
        raise CommandError(
            f"{path} must be a SavedModel to be replaced. Received: a file "
            "or folder of another kind, which is left unchanged"
        )
    shutil.rmtree(path)
