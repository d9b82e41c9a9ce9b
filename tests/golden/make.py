"""Makes a golden run, which every later version must load and resume.

Run it once for each version of the format
(`keras_cem/saving/config_versions.py`), and after each change of what a saved
seed means. A folder that is there already is never written again:

    python -m tests.golden.make 0.1.0-reset-seeds
"""

import json
import pathlib
import shutil
import sys

import keras
import numpy as np

from keras_cem import prng
from keras_cem.cli.main import main

FOLDER = pathlib.Path(__file__).parent
OPTIONS = [
    "--env=CartPole-v1",
    "--engine=host",
    "--seed=1",
    "--epochs=4",
    "--checkpoint_every=4",
    "--batch_size=4",
    "--max_episode_steps=20",
    "--validation_episodes=3",
    "--episodes=3",
    "--hidden_units=4",
    "--elite_memory=2",
    "--normalize_observations",
    "--gradient_steps=2",
    "--noplot",
]


def reset_seeds() -> dict[str, list[int]]:
    """Returns reset seeds of an agent of seed 0, by their purpose."""
    return {
        name: prng.reset_seeds(0, getattr(prng, name), 3, 4, first=2)
        for name in (
            "TRAINING_RESETS",
            "VALIDATION_RESETS",
            "EVALUATION_RESETS",
            "COLLECT_RESETS",
        )
    }


def make(folder: pathlib.Path) -> None:
    """Trains, and writes down how the agent acts."""
    run = folder / "run"
    folder.mkdir()
    if main(["train", *OPTIONS, f"--output={run}"]):
        raise RuntimeError("the training failed")
    # For its size: a policy in TensorFlow's format, and what is much like
    # another file or can be made again.
    shutil.rmtree(run / "policy")
    for name in ("last.keras", "policies.npz", "report.html", "returns.json"):
        (run / name).unlink()
    agent = keras.saving.load_model(run / "agent.keras")
    observations = np.random.default_rng(0).normal(size=(20, 4))
    observations = observations.astype(np.float32).tolist()
    expected = {
        "observations": observations,
        "logits": agent.predict(np.float32(observations), verbose=0).tolist(),
        "actions": [int(agent.act(np.float32(o))) for o in observations],
        "reset_seeds": reset_seeds(),
    }
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    make(FOLDER / sys.argv[1])
