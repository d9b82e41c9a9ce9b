"""What workers cost and gain, against one process.

    python -m benchmarks.workers bytes overhead speed straggler kills nodes rate

Run it in a network of its own (`python -m tests.loopback python -m
benchmarks.workers ...`), because Ray listens on all addresses. All workers are
on this machine. Environments that wait stand for simulators that need a core
each, so that two cores suffice.
"""

import argparse
import contextlib
import functools
import math
import os
import pathlib
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

import gymnasium
import keras
import numpy as np
import ray
from ray.cluster_utils import Cluster

import keras_cem as cem
from keras_cem.engines.remote import chunks
from keras_cem.engines.remote.source import RemoteSource

ENV = "CartPole-v1"
SIZE = 64
STEP_SECONDS = 0.008
LATE_SECONDS = 2.0
EPOCHS_OF_NODES = 8
# Whose steps cost something.
SIMULATOR = "Pendulum-v1"


class Waiting(gymnasium.Wrapper):
    """Waits in each step, as a slow simulator.

    Args:
        env: The environment.
        seconds: Duration of a step.
    """

    def __init__(self, env: gymnasium.Env, seconds: float):
        super().__init__(env)
        self._seconds = seconds

    def step(self, action: Any) -> Any:
        """Takes a step."""
        time.sleep(self._seconds)
        return self.env.step(action)


def waiting() -> gymnasium.Env:
    """Returns CartPole whose step takes `STEP_SECONDS`."""
    return Waiting(gymnasium.make(ENV), STEP_SECONDS)


class Late(gymnasium.Wrapper):
    """Is late in each reset, in one process: the first that makes a file.

    Args:
        env: The environment.
        file: The file, with the number of the process.
        seconds: Duration of a reset there.
    """

    def __init__(self, env: gymnasium.Env, file: pathlib.Path, seconds: float):
        super().__init__(env)
        with contextlib.suppress(FileExistsError), file.open("x") as new:
            new.write(str(os.getpid()))
        self._late = file.read_text() == str(os.getpid())
        self._seconds = seconds

    def reset(self, **kwargs: Any) -> Any:
        """Resets."""
        if self._late:
            time.sleep(self._seconds)
        return self.env.reset(**kwargs)


def late(file: pathlib.Path) -> gymnasium.Env:
    """Returns an environment that is late in one of several processes."""
    return Late(waiting(), file, LATE_SECONDS / 4)


class Seconds(keras.callbacks.Callback):
    """Durations of the epochs."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Starts the clock."""
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts an epoch."""
        self._begin = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Ends an epoch."""
        self.seconds.append(time.perf_counter() - self._begin)


def fit(
    env: Any, epochs: int, callbacks: Any = (), **playing: Any
) -> tuple[list[np.ndarray], list[float]]:
    """Returns the weights after a short training, and seconds per epoch."""
    like = env if isinstance(env, str) else ENV
    agent = cem.CEMAgent.from_env(like, hidden_units=(64,), seed=0)
    agent.compile(optimizer=keras.optimizers.Adam(1e-2))
    clock = Seconds()
    agent.fit(
        env,
        engine="host",
        batch_size=SIZE,
        epochs=epochs,
        verbose=0,
        callbacks=[clock, *callbacks],
        **playing,
    )
    state = [*agent.variables, *agent.optimizer.variables]
    return [np.array(variable) for variable in state], clock.seconds


@contextlib.contextmanager
def watched() -> Iterator[list[RemoteSource]]:
    """Collects the sources that workers play."""
    sources: list[RemoteSource] = []
    play = RemoteSource.play

    def noted(self: RemoteSource, *args: Any, **kwargs: Any) -> Any:
        if self not in sources:
            sources.append(self)
        return play(self, *args, **kwargs)

    RemoteSource.play = noted  # type: ignore[method-assign]
    try:
        yield sources
    finally:
        RemoteSource.play = play  # type: ignore[method-assign]


def measure_bytes() -> None:
    """Prints the bytes of reports and of steps."""
    elite_steps = 0

    class Elites(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            nonlocal elite_steps
            returns = self.model.graph_execution.latest_returns.numpy()
            elite = self.model.graph_execution.latest_elites.numpy()
            elite_steps += int(returns[elite].sum())

    epochs = 5
    pool = cem.adapters.ray.Workers(1, episodes_per_chunk=16)
    with watched() as sources:
        fit(ENV, epochs, [Elites()], num_envs=16, workers=pool)
    traffic = sources[0].traffic
    row = 4 * 4 + 8
    print(
        f"bytes: {traffic.report_bytes / epochs / SIZE:.1f} per trajectory "
        f"before elites; fetched {traffic.step_bytes:,} = "
        f"{traffic.step_bytes / (elite_steps * row):.3f} x elite steps x row"
    )


def measure_overhead() -> None:
    """Prints the time of an iteration beyond play, with one worker."""
    options = {"num_envs": 16}
    _, alone = fit(ENV, 12, **options)
    pool = cem.adapters.ray.Workers(1, episodes_per_chunk=16)
    with pool:
        _, remote = fit(ENV, 12, workers=pool, **options)
    # In the first epochs, functions are compiled.
    beyond = [b - a for a, b in zip(alone[4:], remote[4:], strict=True)]
    print(
        f"overhead: {1000 * statistics.median(beyond):.0f} ms per iteration "
        f"(median; alone {1000 * statistics.median(alone[4:]):.0f} ms)"
    )


def measure_speed() -> None:
    """Prints the time of an iteration with 0, 4 and 8 workers."""
    options = {"num_envs": 4, "max_episode_steps": 60}
    # In the first two, functions are compiled. All play the same episodes.
    expected, seconds = fit(waiting, 5, **options)
    alone = statistics.mean(seconds[2:])
    print(f"speed: none {alone:.2f} s per iteration")
    for count in (4, 8):
        with cem.adapters.ray.Workers(count, episodes_per_chunk=4) as pool:
            state, seconds = fit(waiting, 5, workers=pool, **options)
        remote = statistics.mean(seconds[2:])
        print(
            f"speed: {count} workers {remote:.2f} s, {alone / remote:.1f} x, "
            f"equal: {_equal(state, expected)}"
        )


def measure_straggler() -> None:
    """Prints the time of an iteration if one of four workers is late.

    Without it, a chunk takes about half a second. The late worker takes two
    more, and the others play fifteen of the sixteen chunks meanwhile.
    """
    options = {"num_envs": 4, "max_episode_steps": 20}
    found = {}
    for tries, lateness in (("one", 1e9), ("two", chunks.LATE)):
        chunks.LATE = lateness
        with (
            tempfile.TemporaryDirectory() as folder,
            cem.adapters.ray.Workers(4, episodes_per_chunk=4) as pool,
        ):
            # This process makes one as well, which must not be the late one.
            file = pathlib.Path(folder) / "late"
            make = functools.partial(_late_elsewhere, file, os.getpid())
            _, seconds = fit(make, 4, workers=pool, **options)
        found[tries] = min(seconds[1:])
        print(f"straggler: {tries} at a time, {found[tries]:.2f} s")
    print(f"straggler: {found['two'] / found['one']:.2f} of the time")


def _late_elsewhere(file: pathlib.Path, here: int) -> gymnasium.Env:
    return waiting() if os.getpid() == here else late(file)


def measure_kills(rounds: int) -> None:
    """Measures runs in which one worker is killed at a random time.

    Prints how many of them give the same result as a run without workers, and
    how many seconds longer than a run without a loss the slowest of them takes.
    """
    options = {"num_envs": 4, "max_episode_steps": 60}
    expected, seconds = fit(ENV, 4, **options)
    equal, longest = 0, -math.inf
    generator = random.Random(0)
    with cem.adapters.ray.Workers(2, episodes_per_chunk=8) as pool:
        # In the first, workers start.
        for _ in range(2):
            _, seconds = fit(ENV, 4, workers=pool, **options)
        for _ in range(rounds):
            after = generator.uniform(0.0, sum(seconds))

            def kill() -> None:
                actors = list(pool.actors.values())
                ray.kill(generator.choice(actors))

            timer = threading.Timer(after, kill)
            timer.start()
            state, taken = fit(ENV, 4, workers=pool, **options)
            timer.cancel()
            equal += _equal(state, expected)
            longest = max(longest, sum(taken) - sum(seconds))
    print(
        f"kills: {equal} of {rounds} runs end equal, at most {longest:.1f} s "
        "later than without a loss"
    )


def measure_nodes() -> None:
    """Prints how a run ends whose second machine is lost, and a third joins.

    The machines are nodes of a cluster on this one, of a core each.
    """
    options = {"num_envs": 4, "max_episode_steps": 30}
    expected, _ = fit(waiting, EPOCHS_OF_NODES, **options)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    nodes = [cluster.add_node(num_cpus=1)]

    found: list[dict[str, float]] = []

    class Change(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 2:
                # Amid the play of this epoch.
                threading.Timer(0.3, cluster.remove_node, [nodes[0]]).start()
            if epoch == 4:
                nodes.append(cluster.add_node(num_cpus=1))

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            found.append(logs)

    pool = cem.adapters.ray.Workers(
        2, address=cluster.address, episodes_per_chunk=4
    )
    try:
        with pool:
            state, seconds = fit(
                waiting, EPOCHS_OF_NODES, [Change()], workers=pool, **options
            )
    finally:
        cluster.shutdown()
    for logs, each in zip(found, seconds, strict=True):
        print(
            f"nodes: {each:.1f} s, workers {logs['workers']}, chunks replayed "
            f"{logs['chunks_replayed']}"
        )
    print(f"nodes: equal: {_equal(state, expected)}")


def measure_rate() -> None:
    """Prints steps per second beside the processes of gymnasium."""
    for name, playing in (
        ("one process", {}),
        ("vectorization_mode='async'", {"vectorization_mode": "async"}),
        ("workers=2", {"workers": cem.adapters.ray.Workers(2)}),
    ):
        with playing.get("workers", contextlib.nullcontext()):
            _, seconds = fit(
                SIMULATOR, 6, num_envs=16, max_episode_steps=200, **playing
            )
        rate = SIZE * 200 / min(seconds[1:])
        print(f"rate: {SIMULATOR}, {name}: {rate:,.0f} steps per second")


def _equal(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return all(map(np.array_equal, first, second))


MEASURES = {
    "bytes": measure_bytes,
    "overhead": measure_overhead,
    "speed": measure_speed,
    "straggler": measure_straggler,
    "nodes": measure_nodes,
    "rate": measure_rate,
}


def main() -> None:
    """Measures what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measures", nargs="+", choices=[*MEASURES, "kills"])
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    for name in arguments.measures:
        if name == "kills":
            measure_kills(arguments.rounds)
        else:
            MEASURES[name]()


if __name__ == "__main__":
    main()
