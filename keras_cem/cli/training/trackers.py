"""The trackers of `keras-cem train --track`: libraries that show many runs.

Where a tracker stores a run is its own setting, such as WANDB_MODE,
MLFLOW_TRACKING_URI or TRACKIO_DIR.
"""

import importlib
import json
import os
import pathlib
import re
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import keras

from keras_cem.callbacks import Summaries
from keras_cem.cli.run import json_files
from keras_cem.cli.run.folder import RunFolder
from keras_cem.cli.training import seeds
from keras_cem.pictures.tensorboard_images import write_images

# Of W&B, MLflow and Trackio, unless one of the variables names another.
PROJECT = "keras-cem"
_VARIABLES = {
    "wandb": ("WANDB_PROJECT",),
    "mlflow": ("MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"),
    "trackio": ("TRACKIO_PROJECT",),
}


class Tracker(Protocol):
    """A run in a tracker.

    Attributes:
        key: What finds the run again when it is resumed; empty if the folder
            of the run is enough.
        callbacks: Callbacks for `fit`.
    """

    key: str
    callbacks: list[keras.callbacks.Callback]

    def finish(
        self,
        folder: RunFolder,
        results: dict[str, float],
        pictures: Sequence[pathlib.Path],
    ) -> None:
        """Stores what a run has at its end.

        Args:
            folder: The run.
            results: Numbers of the final evaluation, and `env_steps`.
            pictures: PNG files.
        """

    def close(self, *, failed: bool) -> None:
        """Ends the run in the tracker."""


class TensorBoard:
    """Writes `tensorboard/` in the run folder."""

    def __init__(self, key: str, folder: RunFolder, config: dict[str, Any]):
        self.key = ""
        self._log_dir = folder.tensorboard / "env_steps"
        self.callbacks = [
            keras.callbacks.TensorBoard(
                str(folder.tensorboard), write_graph=False
            ),
            Summaries(
                self._log_dir,
                # Markdown shows indented text unchanged.
                textwrap.indent(json.dumps(config, indent=2), " " * 4),
            ),
        ]

    def finish(
        self,
        folder: RunFolder,
        results: dict[str, float],
        pictures: Sequence[pathlib.Path],
    ) -> None:
        """Writes the pictures."""
        if pictures:
            write_images(self._log_dir, pictures, int(results["env_steps"]))

    def close(self, *, failed: bool) -> None:
        """Does nothing: the callbacks close their files."""


class WeightsAndBiases:
    """A run of W&B, through its own Keras callback."""

    # Its callback writes metrics under this name, over epochs.
    _STEPS = "epoch/env_steps"

    def __init__(self, key: str, folder: RunFolder, config: dict[str, Any]):
        self._wandb = importlib.import_module("wandb")
        self.key = key
        self._run = self._wandb.init(
            project=_project("wandb"),
            id=key,
            name=key,
            group=group_of(folder),
            resume="allow",
            config=_settings(config),
        )
        integration = importlib.import_module("wandb.integration.keras")
        self.callbacks = [integration.WandbMetricsLogger()]
        self._run.define_metric("epoch/*", step_metric=self._STEPS)

    def finish(
        self,
        folder: RunFolder,
        results: dict[str, float],
        pictures: Sequence[pathlib.Path],
    ) -> None:
        """Logs pictures and film, the results as summary, and an artifact."""
        shown = _media(self._wandb, folder, pictures)
        if shown:
            self._run.log({**shown, self._STEPS: results["env_steps"]})
        self._run.summary.update(results)
        files = _files(folder, pictures)
        self._run.log_artifact(_artifact(self._wandb, self.key, files))

    def close(self, *, failed: bool) -> None:
        """Waits until all is written or sent."""
        self._run.finish(exit_code=int(failed))


class MLflow:
    """A run of MLflow.

    MLflow's own Keras callback counts epochs and logs validations without a
    step.
    """

    def __init__(self, key: str, folder: RunFolder, config: dict[str, Any]):
        self._mlflow = importlib.import_module("mlflow")
        if not any(name in os.environ for name in _VARIABLES["mlflow"]):
            self._mlflow.set_experiment(PROJECT)
        earlier = keys_of(folder).get("mlflow")
        run = self._mlflow.start_run(
            run_id=earlier,
            run_name=None if earlier else key,
            tags={"group": group} if (group := group_of(folder)) else None,
        )
        self.key = run.info.run_id
        if earlier is None:
            # They cannot be changed, and a resumed run may have more epochs.
            self._mlflow.log_params(_settings(config))
        self.callbacks = [_EveryEpoch(self._mlflow.log_metrics)]

    def finish(
        self,
        folder: RunFolder,
        results: dict[str, float],
        pictures: Sequence[pathlib.Path],
    ) -> None:
        """Logs the results, and all files as artifacts."""
        self._mlflow.log_metrics(results, step=int(results["env_steps"]))
        for path in _files(folder, pictures):
            if path.is_dir():
                self._mlflow.log_artifacts(str(path), path.name)
            else:
                self._mlflow.log_artifact(str(path))

    def close(self, *, failed: bool) -> None:
        """Ends the run with its status."""
        self._mlflow.end_run("FAILED" if failed else "FINISHED")


class Trackio:
    """A run of Trackio, which has no Keras callback."""

    def __init__(self, key: str, folder: RunFolder, config: dict[str, Any]):
        self._trackio = importlib.import_module("trackio")
        self.key = key
        self._run = self._trackio.init(
            project=_project("trackio"),
            name=key,
            group=group_of(folder),
            resume="allow",
            config=_settings(config),
            embed=False,
        )
        self.callbacks = [_EveryEpoch(self._run.log)]

    def finish(
        self,
        folder: RunFolder,
        results: dict[str, float],
        pictures: Sequence[pathlib.Path],
    ) -> None:
        """Logs results, pictures and film, and an artifact."""
        shown = _media(self._trackio, folder, pictures)
        self._run.log({**results, **shown}, step=int(results["env_steps"]))
        files = _files(folder, pictures)
        self._run.log_artifact(_artifact(self._trackio, self.key, files))

    def close(self, *, failed: bool) -> None:
        """Waits until all is written or sent."""
        self._run.finish()


TRACKERS: dict[str, Callable[[str, RunFolder, dict[str, Any]], Tracker]] = {
    "tensorboard": TensorBoard,
    "wandb": WeightsAndBiases,
    "mlflow": MLflow,
    "trackio": Trackio,
}


def keys_of(folder: RunFolder) -> dict[str, str]:
    """Returns the keys of the runs in trackers that a run has already."""

    def parse(content: Any) -> dict[str, str]:
        for name, key in content.items():
            if name not in TRACKERS or not re.fullmatch(r"[\w.-]{1,128}", key):
                raise ValueError(f"{json_files.shown(key)} for {name}")
        return dict(content)

    found: dict[str, str] = json_files.read(folder.tracking, parse, {})
    return found


def group_of(folder: RunFolder) -> str | None:
    """Returns the name of the folder of `--seeds`, None if there is none."""
    parent = folder.path.resolve().parent
    return parent.name if (parent / seeds.SETTINGS).is_file() else None


class _EveryEpoch(keras.callbacks.Callback):
    """Logs the metrics of History, with environment steps as the step."""

    def __init__(self, log: Callable[..., Any]):
        super().__init__()
        self._log = log

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Logs the metrics of an epoch."""
        numbers = {name: float(value) for name, value in (logs or {}).items()}
        self._log(numbers, step=int(self.model.env_steps))


def _project(tracker: str) -> str:
    return os.environ.get(_VARIABLES[tracker][0], PROJECT)


def _settings(config: dict[str, Any]) -> dict[str, Any]:
    """Returns the settings by their names; objects as JSON."""
    flags = {**config["flags"], "seed": config["seed"]}
    flags["stop_at"] = config["stop_at"]
    return {
        name: json.dumps(value) if isinstance(value, dict | list) else value
        for name, value in flags.items()
    }


def _files(
    folder: RunFolder, pictures: Sequence[pathlib.Path]
) -> list[pathlib.Path]:
    """Returns the files and folders of a run to store."""
    paths = [
        folder.agent,
        folder.policy,
        folder.config,
        folder.history,
        folder.results,
        folder.report,
        folder.mp4,
        *pictures,
    ]
    return [path for path in paths if path.exists()]


def _media(
    library: Any, folder: RunFolder, pictures: Sequence[pathlib.Path]
) -> dict[str, Any]:
    """Returns pictures and film of a run; W&B and Trackio name them alike."""
    shown = {path.stem: library.Image(str(path)) for path in pictures}
    if folder.mp4.exists():
        shown["video"] = library.Video(str(folder.mp4))
    return shown


def _artifact(library: Any, key: str, paths: Sequence[pathlib.Path]) -> Any:
    """Returns an artifact with files and folders."""
    artifact = library.Artifact(key, "model")
    for path in paths:
        if path.is_dir():
            artifact.add_dir(str(path), name=path.name)
        else:
            artifact.add_file(str(path))
    return artifact
