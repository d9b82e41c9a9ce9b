"""Makes the golden run of this version, which every later one must load.

Run it once for each version of the format
(`keras_cem/saving/config_versions.py`), and never again over what an earlier
version has left:

    python -m tests.golden.make
"""

import json
import pathlib
import shutil

import keras
import numpy as np

from keras_cem.cli.main import main
from keras_cem.version import __version__

FOLDER = pathlib.Path(__file__).parent
OPTIONS = [
    "--env=CartPole-v1",
    "--engine=host",
    "--seed=0",
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


def make(folder: pathlib.Path) -> None:
    """Trains, and writes down how the agent acts."""
    run = folder / "run"
    if main(["train", *OPTIONS, f"--output={run}"]):
        raise RuntimeError("the training failed")
    # For the size of it: the first is TensorFlow's format, the second is much
    # like the others.
    shutil.rmtree(run / "policy")
    (run / "last.keras").unlink()
    agent = keras.saving.load_model(run / "agent.keras")
    observations = np.random.default_rng(0).normal(size=(20, 4))
    observations = observations.astype(np.float32).tolist()
    expected = {
        "observations": observations,
        "logits": agent.predict(np.float32(observations), verbose=0).tolist(),
        "actions": [int(agent.act(np.float32(o))) for o in observations],
    }
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    make(FOLDER / __version__)
