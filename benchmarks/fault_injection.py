r"""Faults of sub-environments injected into training, and survived.

For each kind of fault, `CEMAgent.fit` on a CartPole that goes wrong at random
steps; then its weights and its History are compared, bit for bit, with those
of a run in which nothing went wrong.

    python -m benchmarks.fault_injection --times=5
"""

import functools
import multiprocessing
import pathlib
import tempfile
import time
import warnings
from typing import Any

from absl import app, flags

from benchmarks.faulty_env import ENV, FAULTS, Faulty

_TIMES = flags.DEFINE_integer("times", 5, "Faults of each kind, at most.")
_EPOCHS = flags.DEFINE_integer("epochs", 6, "Iterations of each run.")


def train(env: Any, **options: Any) -> tuple[list[Any], dict[str, Any]]:
    """Trains a new agent; returns its weights and its History."""
    # Not above: workers import this module, and need no TensorFlow.
    import keras

    import keras_cem as cem

    agent = cem.CEMAgent.from_env(ENV, hidden_units=(16,), seed=0)
    agent.compile(keras.optimizers.Adam(0.01))
    history = agent.fit(
        env,
        batch_size=16,
        epochs=_EPOCHS.value,
        max_episode_steps=500,
        engine="host",
        callbacks=[cem.callbacks.EpsilonDecay()],
        verbose=0,
        **options,
    ).history
    return [array.tolist() for array in agent.get_weights()], history


def main(argv: list[str]) -> None:
    """Runs all kinds and prints a table."""
    del argv
    warnings.simplefilter("ignore")
    weights, history = train(ENV, num_envs=4)
    history.pop("env_restarts")
    print(
        f"{'mode':>6} {'call':>6} {'fault':<30} {'injected':>8} "
        f"{'survived':>8} {'equal':>6} {'seconds':>8}"
    )
    modes: dict[str, dict[str, Any]] = {
        "sync": {"num_envs": 4},
        "async": {
            "num_envs": 2,
            "vectorization_mode": "async",
            "step_timeout": 2.0,
        },
    }
    for mode, options in modes.items():
        for kind, (_, in_process) in FAULTS.items():
            if mode == "sync" and not in_process:
                continue
            for call in ("step", "reset"):
                begin = time.perf_counter()
                with tempfile.TemporaryDirectory() as folder:
                    make = functools.partial(
                        Faulty, kind, call, folder, _TIMES.value
                    )
                    try:
                        received = train(
                            make, max_env_restarts=_TIMES.value, **options
                        )
                    except RuntimeError as error:
                        print(error)
                        received = None
                    injected = len(list(pathlib.Path(folder).iterdir()))
                survived, equal = 0, False
                if received is not None:
                    # Fewer restarts than faults where two came at once.
                    received[1].pop("env_restarts")
                    survived = injected
                    equal = received == (weights, history)
                seconds = time.perf_counter() - begin
                print(
                    f"{mode:>6} {call:>6} {kind:<30} {injected:>8} "
                    f"{survived:>8} {equal!s:>6} {seconds:>8.1f}",
                    flush=True,
                )
    print(f"{len(multiprocessing.active_children())} processes left over.")


if __name__ == "__main__":
    app.run(main)
