r"""Measures all that concerns a GPU, in about ten minutes.

Each part runs in a process of its own, one after the other:

- rollout, gymnax, explored, fit: `benchmarks.graph_rollout` at three K, with
  gymnax as the peer;
- the same with the loop as a command buffer of XLA, which launches all kernels
  of the loop at once;
- slots: `benchmarks.slots`, K = 262,144 and 1,048,576 in several numbers of
  slots, explored;
- memory: `benchmarks.memory` at K = 262,144;
- categories: iterations of `fit` on Taxi, `benchmarks.compare_trees` without
  another checkout.

Prints the card, the date and the versions first. A part that fails or exceeds
its time prints its last lines, and the next part follows.

    pip install 'keras-cem[bench]'
    python -m benchmarks.gpu | tee gpu.txt
"""

import datetime
import importlib.metadata
import os
import subprocess
import sys
import time

from absl import app, flags

_MINUTES = flags.DEFINE_float("minutes", 10.0, "No part begins after them.")
_PARTS = flags.DEFINE_list("parts", [], "Parts to run; all if empty.")

COMMAND_BUFFER = (
    "--xla_gpu_enable_command_buffer=FUSION,CUBLAS,CUBLASLT,CUSTOM_CALL,CUDNN,"
    "WHILE,CONDITIONAL --xla_gpu_graph_min_graph_size=1"
)
_ROLLOUT = ("graph_rollout", "--peers=gymnax", "--rounds=3")
# Name: XLA_FLAGS, module and arguments.
PARTS = {
    "rollout": ("", *_ROLLOUT, "--batch_sizes=1024,16384,262144"),
    "command buffer": (
        COMMAND_BUFFER,
        *_ROLLOUT,
        "--batch_sizes=1024,16384,262144",
    ),
    "slots, K=262,144": (
        "",
        "slots",
        "--batch_size=262144",
        "--num_envs=262144,131072,65536,32768",
        "--rounds=5",
    ),
    "slots, K=1,048,576": (
        "",
        "slots",
        "--batch_size=1048576",
        "--num_envs=1048576,262144,131072",
        "--rounds=3",
    ),
    "memory": ("", "memory", "--alone", "--batch_sizes=262144"),
    "categories": ("", "compare_trees", "--engines=tabular", "--tree_rounds=3"),
}
# Seconds after which a part is stopped.
MOST_SECONDS = 240


def machine() -> str:
    """Returns the card, the date and the versions."""
    found = subprocess.run(
        [
            "nvidia-smi",
            "--query-gpu=name,driver_version,memory.total",
            "--format=csv,noheader",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}"
        for name in ("tensorflow", "keras", "jax")
    )
    date = datetime.datetime.now(datetime.UTC).date()
    return f"{found.stdout.strip()}\n{date}, {versions}"


def run(flags_of_xla: str, module: str, *arguments: str) -> None:
    """Runs a benchmark; its output goes to this process' output."""
    environment = {
        **os.environ,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_FLAGS": flags_of_xla,
    }
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    try:
        ended = subprocess.run(
            command,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
            timeout=MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        print(f"stopped after {MOST_SECONDS} s")
        return
    if ended.returncode:
        print("failed:", *ended.stderr.splitlines()[-5:], sep="\n")


def main(argv: list[str]) -> None:
    """Runs the parts."""
    del argv
    print(machine(), flush=True)
    begin = time.perf_counter()
    for name, part in PARTS.items():
        if _PARTS.value and name not in _PARTS.value:
            continue
        seconds = time.perf_counter() - begin
        if seconds > 60 * _MINUTES.value:
            print(f"left out for lack of time: {name}")
            continue
        print(f"\n{name}, after {seconds:.0f} s", flush=True)
        run(*part)


if __name__ == "__main__":
    app.run(main)
