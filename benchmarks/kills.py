r"""Kills trainings, resumes them, and compares with one that was left alone.

A training is killed several times, at random moments or as soon as a checkpoint
is seen being written, each time resumed in a new process, and in the end left
to finish. A kill is survived if then weights, optimizer, counters, History and
history.csv are, bit for bit, those of a training that was never killed.

    python -m benchmarks.kills
    python -m benchmarks.kills --kills=4 --engines=host --seed=1
"""

import collections
import hashlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

from absl import app, flags

_KILLS = flags.DEFINE_integer("kills", 50, "How many.", lower_bound=1)
_ENGINES = flags.DEFINE_list("engines", ["host", "graph"], "What trains.")
_SEED = flags.DEFINE_integer("seed", 0, "Of the moments.")
_EPOCHS = flags.DEFINE_integer("epochs", 100, "Of each training.")
_PER_RUN = flags.DEFINE_integer("kills_per_run", 5, "Kills of one training.")
_TRAIN = flags.DEFINE_string("train", None, "Internal: folder to train in.")
_ENGINE = flags.DEFINE_string("engine", None, "Internal: what to train on.")

KINDS = ("anywhere", "while writing")
_RESULT = "result.json"


def train(folder: pathlib.Path, engine: str) -> None:
    """Starts or resumes a training; writes what came out of it."""
    # Only what is killed takes the time to import these.
    import keras

    from keras_cem import CEMAgent, callbacks

    agent = CEMAgent.from_env(
        "CartPole-v1",
        hidden_units=(4,),
        network={"dropout": 0.2},
        elite_quantile=0.5,
        seed=0,
    )
    agent.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    checkpoints = folder / "checkpoints"
    print("begins", flush=True)
    history = agent.fit(
        "CartPole-v1",
        batch_size=4,
        max_episode_steps=10,
        engine=engine,
        epochs=_EPOCHS.value,
        callbacks=[
            callbacks.EpsilonDecay(),
            keras.callbacks.CSVLogger(folder / "history.csv"),
            callbacks.Checkpoint(checkpoints),
        ],
        resume_from=checkpoints,
        verbose=0,
    )
    result = {
        "weights": [
            hashlib.sha256(variable.numpy().tobytes()).hexdigest()
            for variable in [*agent.variables, *agent.optimizer.variables]
        ],
        "epoch": history.epoch,
        "history": history.history,
        "csv": (folder / "history.csv").read_text(),
    }
    (folder / _RESULT).write_text(json.dumps(result))


def start(folder: pathlib.Path, engine: str) -> subprocess.Popen:
    """Starts a process that trains in a folder."""
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "benchmarks.kills", f"--train={folder}"),
            *(f"--engine={engine}", f"--epochs={_EPOCHS.value}"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def finish(folder: pathlib.Path, engine: str) -> str:
    """Lets a training go on to its end; returns what came out of it."""
    with start(folder, engine) as process:
        if process.wait():
            raise RuntimeError(f"a training failed: {process.args}")
    return (folder / _RESULT).read_text()


def kill(
    folder: pathlib.Path, engine: str, kind: str, moments: random.Random
) -> bool | None:
    """Kills a training as it goes on.

    Returns:
        Whether a checkpoint was half written; None if the training was over
        before it could be killed.
    """
    checkpoints = folder / "checkpoints"

    def half_written() -> bool:
        return checkpoints.is_dir() and any(
            name.startswith(".partial-") for name in os.listdir(checkpoints)
        )

    with start(folder, engine) as process:
        process.stdout.readline()
        before = set(os.listdir(checkpoints)) if checkpoints.is_dir() else set()
        if kind == "while writing" or moments.random() < 0.8:
            # From the first epoch on; else also while Keras prepares for it.
            while process.poll() is None and (
                not checkpoints.is_dir()
                or set(os.listdir(checkpoints)) == before
            ):
                time.sleep(0.001)
        time.sleep(moments.uniform(0, 0.5))
        if kind == "while writing":
            while process.poll() is None and not half_written():
                pass
            time.sleep(moments.uniform(0, 0.01))
        process.send_signal(signal.SIGKILL)
        killed = process.wait() == -signal.SIGKILL
    return half_written() if killed else None


def main(argv: list[str]) -> None:
    """Kills and resumes, or is what is killed."""
    del argv
    if _TRAIN.value is not None:
        train(pathlib.Path(_TRAIN.value), _ENGINE.value)
        return
    moments = random.Random(_SEED.value)
    counts = collections.Counter()
    with tempfile.TemporaryDirectory() as temporary:
        root = pathlib.Path(temporary)
        expected = {}
        for engine in _ENGINES.value:
            (root / engine).mkdir()
            expected[engine] = finish(root / engine, engine)
        number = done = 0
        while done < _KILLS.value:
            engine = _ENGINES.value[number % len(_ENGINES.value)]
            folder = root / f"run-{number}"
            folder.mkdir()
            number += 1
            kills = []
            while len(kills) < min(_PER_RUN.value, _KILLS.value - done):
                kind = KINDS[(done + len(kills)) % len(KINDS)]
                half = kill(folder, engine, kind, moments)
                if half is None:
                    break
                kills.append((engine, kind, half))
            survived = finish(folder, engine) == expected[engine]
            done += len(kills)
            counts.update((*one, survived) for one in kills)
            print(
                f"run {number}, {engine}: {len(kills)} kills, "
                f"{'survived' if survived else 'LOST'}; {done} so far",
                flush=True,
            )
    print("engine  kind           kills  half written  survived")
    for engine in _ENGINES.value:
        for kind in KINDS:
            mine = {
                (half, survived): count
                for (e, k, half, survived), count in counts.items()
                if (e, k) == (engine, kind)
            }
            print(
                f"{engine:7} {kind:14}{sum(mine.values()):6}"
                f"{sum(n for (half, _), n in mine.items() if half):14}"
                f"{sum(n for (_, fine), n in mine.items() if fine):10}"
            )
    survived = sum(n for key, n in counts.items() if key[-1])
    print(f"survived {survived} of {done}")
    sys.exit(survived != done)


if __name__ == "__main__":
    app.run(main)
