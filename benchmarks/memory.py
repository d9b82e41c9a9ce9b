r"""Peak memory of a whole iteration in the graph.

CartPole, 500 steps, a 4-128-2 policy that balances the pole most of the time:
episodes, elites and the update, through `CEMAgent.fit`. Each K in a process of
its own, whose peak is what the system says (`ru_maxrss`); on a GPU, what
TensorFlow says of the GPU's. `over` is what the iteration adds to a process
that has trained with K = 2; `stored` is what the trajectories take, states and
actions.

    python -m benchmarks.memory --batch_sizes=4096,16384,65536
"""

import resource
import subprocess
import sys

import keras
import tensorflow as tf
from absl import app, flags

from benchmarks.agents import ENV, make_agent
from keras_cem.adapters.in_graph import open_source
from keras_cem.engines.graph.memory_estimate import stored_bytes
from keras_cem.engines.playing import Options
from keras_cem.utils import devices

_BATCH_SIZES = flags.DEFINE_list(
    "batch_sizes", ["4096", "8192", "16384", "32768", "65536"], "K."
)
_ALONE = flags.DEFINE_bool("alone", False, "Measure in this process.")

GIB = 2**30


def peak() -> float:
    """Most memory that this process has had, of the GPU if any, in GiB."""
    if devices.has_gpu():
        return tf.config.experimental.get_memory_info("GPU:0")["peak"] / GIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB


def measure(size: int) -> str:
    """Trains for two iterations; returns a line of the table."""
    agent = make_agent(balancing=True, epsilon=0.5)
    # With K = 2 too, or what XLA needs to compile would count as added.
    agent.compile(keras.optimizers.Adam(1e-3), jit_compile=True)
    agent.fit(ENV, batch_size=2, verbose=0)
    before = peak()
    history = agent.fit(ENV, batch_size=size, epochs=2, verbose=0).history
    # A state is four float32.
    stored = stored_bytes(open_source(ENV, Options(size)), 16) / GIB
    added = peak() - before
    return (
        f"{size:>7} {stored:8.3f} {added:8.3f} {added / stored:8.2f} "
        f"{peak():8.3f} {history['num_elites'][-1]:>8.0f} "
        f"{history['episode_length'][-1]:>7.1f}"
    )


def main(argv: list[str]) -> None:
    """Measures each K and prints a table."""
    del argv
    if _ALONE.value:
        print(measure(int(_BATCH_SIZES.value[0])))
        return
    print(
        f"{'K':>7} {'stored':>8} {'over':>8} {'/stored':>8} {'peak':>8} "
        f"{'elites':>8} {'length':>7}   (GiB)"
    )
    for size in _BATCH_SIZES.value:
        ended = subprocess.run(
            [
                sys.executable,
                "-m",
                "benchmarks.memory",
                "--alone",
                f"--batch_sizes={size}",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            raise RuntimeError(ended.stderr)
        print(ended.stdout.rstrip("\n"), flush=True)


if __name__ == "__main__":
    app.run(main)
