r"""Speed of this checkout against another one, in turn.

Each checkout has a process of its own with everything compiled. Both measure
the same work one after the other, several times, on the same processors. What
is printed is the median over the rounds of this checkout's rate divided by the
other's, by the clock and by processor time, which other load disturbs less.

- collect: `benchmarks.host_rollout`, 64 sub-environments, short episodes of an
  untrained policy and long ones of a policy that balances the pole;
- rollout, explored, fit: `benchmarks.graph_rollout`, at the named K;
- tabular: iterations of FrozenLake, Taxi and CliffWalking with the options of
  their presets, after 40 iterations;
- start: the `fit` of the README's example with a new agent, 8 iterations.

The other checkout brings its own benchmarks, of the same names.

    git worktree add ../before COMMIT
    python -m benchmarks.compare_trees --other=../before
"""

import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
from absl import app, flags

_OTHER = flags.DEFINE_string(
    "other", None, "The other checkout. Without it, prints rates of this one."
)
_TREE_ROUNDS = flags.DEFINE_integer("tree_rounds", 7, "Measurements of each.")
_ENGINES = flags.DEFINE_list(
    "engines", ["host", "graph", "tabular", "start"], "What to measure."
)
_WORKER = flags.DEFINE_string("worker", None, "Engine that stdin measures.")

_NAMES = {
    "host": ("collect, short", "collect, long"),
    "graph": (
        "rollout, K=1,024",
        "explored, K=1,024",
        "fit, K=64",
        "fit, K=1,024",
        "fit, K=4,096",
        "fit, K=16,384",
    ),
    "tabular": ("FrozenLake-v1", "Taxi-v4", "CliffWalking-v1"),
    "start": ("README example",),
}
# Batch size, hidden units, learning rate and options of the agent.
_TABULAR = {
    "FrozenLake-v1": (
        2000,
        (),
        0.1,
        {"gradient_steps": 20, "minibatch_size": 4096},
    ),
    "Taxi-v4": (
        4000,
        (),
        0.1,
        {
            "episodes_per_start": 8,
            "gradient_steps": 20,
            "minibatch_size": 8192,
        },
    ),
    "CliffWalking-v1": (500, (128,), 1e-2, {"elite_quantile": 0.9}),
}


def _host_works() -> list[Callable[[], int]]:
    import gymnasium

    from benchmarks import host_rollout
    from benchmarks.agents import ENV, make_agent

    def collect(balancing: bool, epsilon: float) -> Callable[[], int]:
        vector = gymnasium.make_vec(ENV, num_envs=64, vectorization_mode="sync")
        return host_rollout.collect(make_agent(balancing), vector, epsilon)

    return [collect(False, 1.0), collect(True, 0.0)]


def _graph_works() -> list[Callable[[], int]]:
    from benchmarks import graph_rollout

    return [
        graph_rollout.rollout(1024),
        graph_rollout.explored(1024),
        graph_rollout.fit(64),
        graph_rollout.fit(1024),
        graph_rollout.fit(4096),
        graph_rollout.fit(16384),
    ]


def _tabular_works() -> list[Callable[[], int]]:
    import keras

    import keras_cem as cem

    def fit(env: str) -> Callable[[], int]:
        size, hidden_units, learning_rate, options = _TABULAR[env]
        agent = cem.CEMAgent.from_env(
            env, hidden_units=hidden_units, seed=0, **options
        )
        optimizer = keras.optimizers.Adam(learning_rate)
        agent.compile(optimizer, steps_per_execution=4, jit_compile=True)

        def work() -> int:
            agent.fit(
                env,
                batch_size=size,
                steps_per_epoch=4,
                max_episode_steps=200,
                callbacks=[cem.callbacks.EpsilonDecay()],
                verbose=0,
            )
            return 4

        for _ in range(10):
            work()
        # From here on, the policy stays as it is.
        optimizer.learning_rate = 0.0
        return work

    return [fit(env) for env in _NAMES["tabular"]]


def _start_works() -> list[Callable[[], int]]:
    import keras

    import keras_cem as cem

    def fit() -> int:
        agent = cem.CEMAgent.from_env(
            "CartPole-v1", elite_quantile=0.7, gradient_steps=10, seed=0
        )
        agent.compile(optimizer=keras.optimizers.Adam(1e-2))
        agent.fit(
            "CartPole-v1",
            batch_size=16,
            epochs=8,
            validation_data="CartPole-v1",
            validation_batch_size=100,
            callbacks=[cem.callbacks.EpsilonDecay()],
            verbose=0,
        )
        return 8

    return [fit]


def _works(engine: str) -> dict[str, Callable[[], tuple[float, float]]]:
    """The work of each name; it returns two rates, wall and processors."""

    def timed(work: Callable[[], int], seconds: float) -> tuple[float, float]:
        steps, wall, processors = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - wall < seconds:
            steps += work()
        return (
            steps / (time.perf_counter() - wall),
            steps / (time.process_time() - processors),
        )

    make = {
        "host": _host_works,
        "graph": _graph_works,
        "tabular": _tabular_works,
        "start": _start_works,
    }
    works = make[engine]()
    return {
        name: lambda work=work: timed(work, 2.0)
        for name, work in zip(_NAMES[engine], works, strict=True)
    }


def _work() -> None:
    works = _works(_WORKER.value)
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(works[line.strip()]()), flush=True)


class _Checkout:
    """A process that measures one engine with the package of one checkout."""

    def __init__(self, folder: pathlib.Path, engine: str):
        environment = {
            **os.environ,
            "PYTHONPATH": str(folder),
            "TF_CPP_MIN_LOG_LEVEL": "2",
        }
        self._process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), f"--worker={engine}"],
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"The worker of {folder} did not start.")

    def measure(self, name: str) -> tuple[float, float]:
        self._process.stdin.write(f"{name}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


def main(argv: list[str]) -> None:
    """Measures both checkouts in turn."""
    del argv
    if _WORKER.value is not None:
        _work()
        return
    here = pathlib.Path(__file__).resolve().parent.parent
    folders = [here]
    if _OTHER.value is not None:
        folders.append(pathlib.Path(_OTHER.value).resolve())
    what = "per second" if _OTHER.value is None else "this / other"
    print(f"{what:>18} {'wall':>9} {'processors':>10}  (all rounds)")
    for engine in _ENGINES.value:
        names = _NAMES[engine]
        checkouts = [_Checkout(folder, engine) for folder in folders]
        for name in names:
            # The first measurement of each warms up.
            rates = np.array(
                [
                    [checkout.measure(name) for checkout in checkouts]
                    for _ in range(_TREE_ROUNDS.value + 1)
                ]
            )[1:]
            ratios = rates[:, 0]
            if _OTHER.value is not None:
                ratios = rates[:, 0] / rates[:, 1]
            median = np.median(ratios, axis=0)
            print(
                f"{name:>18} {median[0]:>9.3f} {median[1]:>10.3f}  "
                + " ".join(f"{ratio:.2f}" for ratio in ratios[:, 1]),
                flush=True,
            )
        for checkout in checkouts:
            checkout.close()


if __name__ == "__main__":
    app.run(main)
