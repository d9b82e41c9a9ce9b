"""`keras-cem train --track`: what each tracker has is read back."""

import csv
import dataclasses
import json
import os
import pathlib
import struct
import sys
from unittest import mock

import mlflow
import numpy as np
import pytest
import tensorflow as tf
import wandb
from wandb.proto import wandb_internal_pb2

from keras_cem.cli.main import main
from keras_cem.cli.run.folder import RunFolder
from keras_cem.cli.training import tracking
from tests.callbacks.summaries_test import read
from tests.cli import small_run

pytestmark = [
    pytest.mark.slow,
    # MLflow 3.17 with SQLAlchemy 2.1.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),
]

SMALL = (
    *small_run.SMALL,
    '--fit_kwargs={"jit_compile": false}',
)
# Each tracker writes to the folder. Nothing can leave the machine.
LOCAL = {
    "WANDB_DIR": "{}",
    "WANDB_MODE": "offline",
    "WANDB_SILENT": "true",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_DATA_DIR": "{}/wandb_data",
    "WANDB_CACHE_DIR": "{}/wandb_cache",
    "MLFLOW_TRACKING_URI": "sqlite:///{}/mlflow.db",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "TRACKIO_DIR": "{}/trackio",
    "DO_NOT_TRACK": "1",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
}


@dataclasses.dataclass(frozen=True)
class Tracked:
    """A run of 2 epochs, resumed to 3.

    Attributes:
        trackers: Where the trackers write.
        run: The run folder.
        keys: The content of its tracking.json.
        history: The columns of its history.csv.
        results: The content of its results.json.
    """

    trackers: pathlib.Path
    run: pathlib.Path
    keys: dict[str, str]
    history: dict[str, list[float]]
    results: dict


def _json(path):
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    trackers = tmp_path_factory.mktemp("trackers")
    run = trackers / "a run"
    local = {name: text.format(trackers) for name, text in LOCAL.items()}
    with mock.patch.dict(os.environ, local), pytest.MonkeyPatch.context() as at:
        at.chdir(trackers)
        # It read its settings when the process first used it.
        wandb.teardown()
        train = ["train", f"--output={run}"]
        track = "--track=tensorboard,wandb,mlflow,trackio"
        assert main([*train, *SMALL, "--epochs=2", track, "--video"]) == 0
        keys = _json(run / "tracking.json")
        assert main([*train, "--resume", "--epochs=3"]) == 0
        assert _json(run / "tracking.json") == keys
        rows = [*csv.DictReader((run / "history.csv").read_text().splitlines())]
        history = {
            name: [float(row[name]) for row in rows]
            for name in rows[0]
            if name != "epoch"
        }
        assert len(history["env_steps"]) == 3
        yield Tracked(trackers, run, keys, history, _json(run / "results.json"))


def test_tensorboard_has_both_axes(tracked):
    board = tracked.run / "tensorboard"
    over_steps = read(board / "env_steps")
    assert [event.step for event in over_steps.Tensors("loss")] == (
        tracked.history["env_steps"]
    )
    config = over_steps.Tensors("config")[0]
    assert b'"batch_size": 4' in config.tensor_proto.string_val[0]
    for name in ("learning_curve", "returns"):
        *_, picture = over_steps.Tensors(name)
        assert picture.step == tracked.results["env_steps"]
        *_, png = tf.make_ndarray(picture.tensor_proto)
        drawn = tf.io.decode_png((tracked.run / f"{name}.png").read_bytes(), 3)
        np.testing.assert_array_equal(tf.io.decode_png(png), drawn)
    epochs = read(board / "train").Tensors("epoch_episode_return")
    assert [event.step for event in epochs] == [0, 1, 2]


def test_mlflow_has_one_run_with_everything(tracked):
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("keras-cem")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_id == tracked.keys["mlflow"]
    assert run.info.status == "FINISHED"
    assert run.info.run_name.startswith("a-run-")
    assert run.data.params["batch_size"] == "4"
    assert run.data.params["fit_kwargs"] == '{"jit_compile": false}'
    assert int(run.data.params["seed"]) == tracked.results["seed"]
    for name, values in tracked.history.items():
        logged = client.get_metric_history(run.info.run_id, name)
        expected = dict(zip(tracked.history["env_steps"], values, strict=True))
        assert {each.step: each.value for each in logged} == expected, name
    assert (
        run.data.metrics["episode_return_mean"]
        == (tracked.results["episode_return_mean"])
    )
    stored = {each.path for each in client.list_artifacts(run.info.run_id)}
    assert stored >= {"agent.keras", "policy", "video.mp4", "config.json"}
    agent = mlflow.artifacts.download_artifacts(
        run_id=run.info.run_id, artifact_path="agent.keras"
    )
    assert pathlib.Path(agent).read_bytes() == (
        (tracked.run / "agent.keras").read_bytes()
    )


def test_trackio_has_one_run_with_everything(tracked):
    # It reads TRACKIO_DIR when it is imported.
    import trackio
    from trackio.sqlite_storage import SQLiteStorage

    (run,) = trackio.Api().runs("keras-cem")
    assert run.name == tracked.keys["trackio"]
    assert run.config["batch_size"] == 4
    logs = SQLiteStorage.get_logs("keras-cem", run.name)
    for name, values in tracked.history.items():
        expected = dict(zip(tracked.history["env_steps"], values, strict=True))
        found = {log["step"]: log[name] for log in logs if name in log}
        assert found == expected, name
    shown = {name: log[name] for log in logs for name in log}
    assert (
        shown["episode_return_mean"] == (tracked.results["episode_return_mean"])
    )
    assert shown["video"]["_type"] == "trackio.video"
    assert shown["learning_curve"]["_type"] == "trackio.image"
    files = trackio.use_artifact(f"{run.name}:latest")
    assert {"agent.keras", "policy/saved_model.pb"} <= {
        entry["path"] for entry in files.manifest
    }


def _records(path):
    """Reads W&B's offline file: records in blocks of 32 KiB, as LevelDB."""
    data, at, record = path.read_bytes(), 7, b""
    while at < len(data):
        left = 2**15 - at % 2**15
        if left < 7:
            at += left
            continue
        size, kind = struct.unpack_from("<HB", data, at + 4)
        record += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # Whole, or the last part.
            yield wandb_internal_pb2.Record.FromString(record)
            record = b""


def test_wandb_has_one_run_with_everything(tracked):
    files = sorted(tracked.trackers.glob("wandb/offline-run-*/*.wandb"))
    assert len(files) == 2  # One per process; `wandb sync` joins them.
    records = [record for path in files for record in _records(path)]

    def all_of(kind):
        return [getattr(r, kind) for r in records if r.HasField(kind)]

    for run in all_of("run"):
        assert run.run_id == tracked.keys["wandb"]
        config = {each.key: each.value_json for each in run.config.update}
        assert config["batch_size"] == "4"
    *_, axis = all_of("metric")
    assert (axis.glob_name, axis.step_metric) == ("epoch/*", "epoch/env_steps")
    rows = [
        {
            item.key or "/".join(item.nested_key): json.loads(item.value_json)
            for item in history.item
        }
        for history in all_of("history")
    ]
    for name, values in tracked.history.items():
        expected = dict(zip(tracked.history["env_steps"], values, strict=True))
        found = {
            row["epoch/env_steps"]: row[f"epoch/{name}"]
            for row in rows
            if f"epoch/{name}" in row
        }
        assert found == pytest.approx(expected), name
    assert "video/sha256" in rows[-1]
    assert "learning_curve/sha256" in rows[-1]
    summary = {
        each.key: each.value_json
        for update in all_of("summary")
        for each in update.update
    }
    assert (
        json.loads(summary["episode_return_mean"])
        == (tracked.results["episode_return_mean"])
    )
    *_, artifact = all_of("artifact")
    stored = {each.path for each in artifact.manifest.contents}
    assert stored >= {"agent.keras", "policy/saved_model.pb", "video.mp4"}


def test_a_new_run_overwrites_that_of_tensorboard(tracked):
    again = ["train", *SMALL, "--overwrite", "--epochs=1", "--noplot"]
    folder = tracked.trackers / "twice"
    again += [f"--output={folder}", "--track=tensorboard"]
    assert main(again) == main(again) == 0
    assert not (folder / "tracking.json").exists()
    written = read(folder / "tensorboard" / "env_steps")
    assert len(written.Tensors("val_episode_return")) == 1
    assert "learning_curve" not in written.Tags()["tensors"]


@pytest.mark.parametrize(
    "tracker", ["tensorboard", "wandb", "mlflow", "trackio"]
)
def test_missing_package_is_named_before_training(
    tracker, tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, tracker, None)
    folder = tmp_path / "run"
    flags = [*SMALL, f"--output={folder}", f"--track={tracker}"]
    assert main(["train", *flags]) == 2
    printed = capsys.readouterr()
    assert f"--track={tracker} needs {tracker}" in printed.err
    assert f"pip install 'keras-cem[{tracker}]'" in printed.err
    assert "epoch" not in printed.out
    assert not folder.exists()


@pytest.mark.parametrize("value", ["comet", "wandb,wandb"])
def test_other_trackers_are_refused(value, capsys):
    assert main(["train", *SMALL, "--output=never", f"--track={value}"]) == 2
    assert (
        "must be different ones of tensorboard, wandb, mlflow, trackio"
        in capsys.readouterr().err
    )


def test_damaged_keys_are_refused(tmp_path):
    folder = RunFolder(tmp_path)
    folder.tracking.write_text('{"mlflow": "../other"}')
    with pytest.raises(ValueError, match=r"tracking.json must be a file.*'../"):
        tracking.opened(["mlflow"], folder, {}).__enter__()


def test_error_of_a_tracker_names_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"wobbly://{tmp_path}")
    flags = [*SMALL, f"--output={tmp_path / 'run'}", "--track=mlflow"]
    assert main(["train", *flags]) == 1
    error = capsys.readouterr().err
    assert "--track=mlflow failed with UnsupportedModelRegistryStore" in error
