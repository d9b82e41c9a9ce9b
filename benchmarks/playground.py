r"""Memory and delays of the playground over a long run.

Starts `keras-cem playground`, opens its page in a browser without a screen,
trains CartPole, and prints a line a minute: the memory of the program and the
JavaScript heap of the page after a garbage collection, both in MiB; the delay
from the end of an iteration until the page has drawn it (median, 90th
percentile and maximum of at most 200 iterations); and the time from a changed
setting until its answer is drawn (maximum of five), in milliseconds; and the
load average of the machine.

    python -m benchmarks.playground --minutes=60
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import time
from typing import IO, cast

import numpy as np
from absl import app, flags
from playwright import sync_api

from tests import browsers

_MINUTES = flags.DEFINE_integer("minutes", 60, "Length of the run.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 64, "K.")

# Milliseconds until the page has drawn the answer to a changed setting.
_ANSWER = """value => new Promise((resolve) => {
  const stream = new EventSource("events");
  let begun = 0;
  stream.onopen = () => {
    begun = performance.now();
    const control = document.getElementById("setting-elite_quantile");
    control.value = value;
    control.dispatchEvent(new Event("change"));
  };
  stream.onmessage = ({data}) => {
    if (JSON.parse(data).settings?.elite_quantile !== value) return;
    stream.close();
    requestAnimationFrame(() => resolve(performance.now() - begun));
  }; })"""


def memory(process: int) -> float:
    """Resident memory of a process, in MiB."""
    status = pathlib.Path(f"/proc/{process}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024


def observe(page: sync_api.Page, process: int) -> None:
    """Prints a line a minute."""
    tools = page.context.new_cdp_session(page)
    print(
        "minute iteration  program   page shown: p50    p90    max answer load"
    )
    begun = time.monotonic()
    for minute in range(_MINUTES.value + 1):
        page.wait_for_timeout(
            max(0, 1000 * (begun + 60 * minute - time.monotonic()))
        )
        lags = page.evaluate("playground.lags.splice(0)") or [np.nan]
        answers = [page.evaluate(_ANSWER, q)
                   for q in (0.71, 0.72, 0.73, 0.74, 0.7)]  # fmt: skip
        tools.send("HeapProfiler.collectGarbage")
        heap = tools.send("Runtime.getHeapUsage")["usedSize"] / 2**20
        shown = np.quantile(lags, [0.5, 0.9, 1])
        print(
            f"{minute:>6} {page.inner_text('#fact-iteration'):>9} "
            f"{memory(process):>8.1f} {heap:>6.2f} {shown[0]:>10.0f} "
            f"{shown[1]:>6.0f} {shown[2]:>6.0f} {max(answers):>6.0f} "
            f"{os.getloadavg()[0]:>4.0f}",
            flush=True,
        )


def main(argv: list[str]) -> None:
    """Runs the playground and observes it."""
    del argv
    process = subprocess.Popen(
        [sys.executable, "-m", "keras_cem.cli.main", "playground",
         "--port=0", "--nobrowser"],
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        address = cast(IO[str], process.stdout).readline().split()[-1]
        with browsers.started() as visit:
            page = visit(address, width=1280, height=900).page
            page.wait_for_selector("#connection.live")
            page.fill("#setting-batch_size", str(_BATCH_SIZE.value))
            page.keyboard.press("Enter")
            page.click("#run")
            page.wait_for_function("() => playground.lags.length > 2")
            observe(page, process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


if __name__ == "__main__":
    app.run(main)
