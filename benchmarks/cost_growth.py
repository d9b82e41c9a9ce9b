r"""How the time of an iteration grows with K and with T.

CartPole, a 4-128-2 policy that balances the pole most of the time (epsilon
0.5): episodes, elites and one gradient step, through `CEMAgent.fit`, several an
execution. Prints a table for README and the slopes on log axes, by least
squares over the upper half of each range, where what is constant no longer
counts; 1 is linear. Draws both.

    pip install 'keras-cem[bench]'
    python -m benchmarks.cost_growth --output=docs/cost_growth.png
"""

import time

import keras
import matplotlib.figure
import numpy as np
from absl import app, flags

from benchmarks.agents import ENV, make_agent
from keras_cem import envs

_SIZES = flags.DEFINE_list(
    "batch_sizes", [str(4**power) for power in range(3, 9)], "K, at T = 500."
)
_STEPS = flags.DEFINE_list(
    "steps", ["50", "100", "200", "500", "1000", "2000"], "T, at K = 1,024."
)
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Measurements of each.")
_OUTPUT = flags.DEFINE_string("output", None, "PNG file to write.")

SIZE, STEPS = 1024, 500


def milliseconds(size: int, steps: int) -> float:
    """Time of an iteration."""
    # As many as take about a second.
    execution = max(1, min(10, 2**23 // (size * steps)))
    agent = make_agent(balancing=True, epsilon=0.5)
    # Otherwise small work is compiled only after some iterations.
    agent.compile(
        keras.optimizers.Adam(0.0),
        steps_per_execution=execution,
        jit_compile=True,
    )
    env = envs.make(ENV, max_episode_steps=steps)
    seconds = []
    # The first one compiles.
    for _ in range(1 + _ROUNDS.value):
        start = time.perf_counter()
        agent.fit(env, batch_size=size, steps_per_epoch=execution, verbose=0)
        seconds.append((time.perf_counter() - start) / execution)
    return 1e3 * float(np.median(seconds[1:]))


def slope(numbers: list[int], times: list[float]) -> float:
    """Of the upper half on log axes."""
    half = len(numbers) // 2
    logs = np.log(numbers[half:]), np.log(times[half:])
    return float(np.polyfit(*logs, 1)[0])


def main(argv: list[str]) -> None:
    """Measures, prints and draws."""
    del argv
    sizes = [int(size) for size in _SIZES.value]
    steps = [int(step) for step in _STEPS.value]
    figure = matplotlib.figure.Figure(figsize=(9, 4), layout="constrained")
    panels = zip(
        figure.subplots(1, 2, sharey=True),
        (("K", sizes, f"T = {STEPS}"), ("T", steps, f"K = {SIZE:,}")),
        strict=True,
    )
    for axes, (name, numbers, fixed) in panels:
        times = []
        print(f"| {name} ({fixed}) | ms per iteration | us per unit |")
        print("|---|---|---|")
        for number in numbers:
            pair = (number, STEPS) if name == "K" else (SIZE, number)
            times.append(milliseconds(*pair))
            print(
                f"| {number:,} | {times[-1]:,.1f} | "
                f"{1e3 * times[-1] / number:.1f} |",
                flush=True,
            )
        found = slope(numbers, times)
        print(f"slope {found:.2f}\n", flush=True)
        axes.loglog(numbers, times, color="#0072B2", marker="o")
        linear = times[-1] * np.array(numbers) / numbers[-1]
        axes.loglog(numbers, linear, color="#777777", linestyle="--")
        axes.set_xlabel(f"{name}, {fixed}")
        axes.set_title(f"slope {found:.2f}; dashed: linear")
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("ms an iteration")
    if _OUTPUT.value:
        figure.savefig(_OUTPUT.value, dpi=120)


if __name__ == "__main__":
    app.run(main)
