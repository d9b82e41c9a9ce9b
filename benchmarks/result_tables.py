"""The tables of results in the pages, made from the files of results."""

import dataclasses
import json
import pathlib
import re
import statistics
from collections.abc import Callable, Iterable

from benchmarks import result_files, zoo
from benchmarks.result_files import Result, Results
from keras_cem.cli import presets

ROOT = pathlib.Path(__file__).parents[1]
PAGES = ("README.md", "docs/results.md")
# What the package itself knows of the results.
SUMMARY = "keras_cem/cli/presets/results.json"
PPO = "ppo"

# What every seed should reach, and what would be better still. None stands for
# the optimum, and for what is within 1 % of it.
GOALS: dict[str, tuple[float | None, float | None]] = {
    "CartPole-v1": (475, 500),
    "Acrobot-v1": (-86, -75),
    "MountainCar-v0": (-110, -101),
    "MountainCarContinuous-v0": (97, 99),
    "Pendulum-v1": (-170, -150),
    "LunarLander-v3": (250, 275),
    "LunarLanderContinuous-v3": (270, 285),
    "BipedalWalker-v3": (260, 300),
    "FrozenLake-v1": (0.72, 0.74),
    "FrozenLake8x8-v1": (0.85, 0.90),
    "Taxi-v4": (None, None),
    "CliffWalking-v1": (None, None),
    "InvertedPendulum-v5": (950, 1000),
    "InvertedDoublePendulum-v5": (9300, 9350),
    "HalfCheetah-v5": (3000, 5800),
    "Walker2d-v5": (2000, 4000),
    "Reacher-v5": (-6, -4),
    "Pusher-v5": (-35, -25),
    "Swimmer-v5": (100, 340),
}

# Environments in the README.
SIX = (
    "CartPole-v1",
    "MountainCar-v0",
    "LunarLander-v3",
    "BipedalWalker-v3",
    "InvertedDoublePendulum-v5",
    "Walker2d-v5",
)

# A column: its head, and its cell of one environment.
Column = tuple[str, Callable[[Results, Results | None], str]]


def number(value: float | None) -> str:
    """Writes a return, of which four digits tell something."""
    return "" if value is None else f"{value:.4g}"


def steps(value: int) -> str:
    """Writes a round number of steps."""
    return f"{value // 10**6}M" if value >= 10**6 else f"{value // 1000}k"


def returns(results: Results | None) -> str:
    """Writes the return of each seed."""
    runs = results.runs if results else []
    return " ".join(number(run.episode_return) for run in runs)


def published(line: zoo.Published | None) -> str:
    """Writes what the zoo has."""
    if line is None:
        return ""
    return f"{line.mean:g} ± {line.deviation:g} ({steps(line.env_steps)})"


def median(results: Results | None, of: Callable[[Result], float]) -> str:
    """Writes a median of large numbers."""
    if results is None:
        return ""
    return f"{statistics.median(of(run) for run in results.runs):,.0f}"


def processors(results: Results | None) -> str:
    """Writes the median of what was measured."""
    runs = results.runs if results else []
    measured = [
        run.processor_seconds
        for run in runs
        if run.processor_seconds is not None
    ]
    return f"{statistics.median(measured):,.0f}" if measured else ""


def goals(results: Results) -> tuple[float | None, float | None]:
    """Returns what the seeds should reach, and what would be better."""
    goal, better = GOALS.get(results.env, (None, None))
    best = results.optimum
    if goal is None and best is not None:
        return best - 0.01 * abs(best), best
    return goal, better


def least(results: Results) -> float:
    """Returns what the worst seed reaches, free of luck where that is known."""
    return min(
        run.episode_return if run.expected is None else run.expected
        for run in results.runs
    )


def reached(results: Results) -> str:
    """Writes which of the goals every seed reached."""
    goal, better = goals(results)
    # A sum of many products equals the optimum up to rounding.
    worst = least(results) + 1e-9
    if goal is None or better is None:
        return ""
    if worst >= better:
        return "both"
    return "the first" if worst >= goal else "neither"


_ENVIRONMENT: Column = ("environment", lambda ours, _: ours.env)
_STEPS: Column = ("env steps", lambda ours, _: median(ours, _env_steps))
_SECONDS: Column = ("seconds", lambda ours, _: median(ours, _wall))
COLUMNS: dict[str, list[Column]] = {
    "readme": [
        _ENVIRONMENT,
        ("return", lambda ours, _: returns(ours)),
        _STEPS,
        _SECONDS,
        ("PPO", lambda _, ppo: returns(ppo)),
    ],
    "results": [
        _ENVIRONMENT,
        ("greedy return of each seed", lambda ours, _: returns(ours)),
        _STEPS,
        _SECONDS,
        ("PPO here, same time", lambda _, ppo: returns(ppo)),
        ("PPO, zoo", lambda ours, _: published(zoo.PPO.get(ours.env))),
        ("ARS, zoo", lambda ours, _: published(zoo.ARS.get(ours.env))),
    ],
    "details": [
        _ENVIRONMENT,
        ("seeds", lambda ours, _: f"{ours.runs[0].seed}-{ours.runs[-1].seed}"),
        ("episodes", lambda ours, _: f"{ours.episodes:,}"),
        ("worst seed", lambda ours, _: number(least(ours))),
        (
            "goals",
            lambda ours, _: ", ".join(filter(None, map(number, goals(ours)))),
        ),
        ("reached", lambda ours, _: reached(ours)),
        ("optimum", lambda ours, _: number(ours.optimum)),
        ("epochs", lambda ours, _: median(ours, lambda run: run.epochs or 0)),
        _STEPS,
        _SECONDS,
        ("processor seconds", lambda ours, _: processors(ours)),
    ],
    "peers": [
        _ENVIRONMENT,
        ("ours", lambda ours, _: returns(ours)),
        ("PPO", lambda _, ppo: returns(ppo)),
        _STEPS,
        ("PPO", lambda _, ppo: median(ppo, _env_steps)),
        _SECONDS,
        ("PPO", lambda _, ppo: median(ppo, _wall)),
        ("processor seconds", lambda ours, _: processors(ours)),
        ("PPO", lambda _, ppo: processors(ppo)),
    ],
}


def _env_steps(run: Result) -> float:
    return run.env_steps


def _wall(run: Result) -> float:
    return run.seconds


def tables(
    folder: pathlib.Path, envs: Iterable[str] | None = None
) -> dict[str, str]:
    """Returns each table by its name.

    Args:
        folder: Of the files of results; those of PPO are in one inside.
        envs: Ids; all that have settings if not given.
    """
    order = list(GOALS)
    chosen = sorted(
        presets.names() if envs is None else envs,
        key=lambda env: order.index(env) if env in order else len(order),
    )
    rows = [
        (found, ppo(folder, env))
        for env in chosen
        if (found := result_files.ours(folder, env))
    ]
    return {
        name: _table(
            columns,
            [row for row in rows if _has_row(name, *row)],
        )
        for name, columns in COLUMNS.items()
    }


def _has_row(table: str, ours: Results, ppo: Results | None) -> bool:
    if table == "readme":
        return ours.env in SIX
    return table != "peers" or ppo is not None


def ppo(folder: pathlib.Path, env: str) -> Results | None:
    """Returns the results of PPO with the settings of the zoo, if any."""
    if env not in zoo.PPO_SETTINGS:
        return None
    return result_files.read(folder / PPO, env, zoo.PPO_SETTINGS[env])


def _table(
    columns: list[Column], rows: list[tuple[Results, Results | None]]
) -> str:
    lines = [
        [head for head, _ in columns],
        ["---"] * len(columns),
        *([cell(*row) for _, cell in columns] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def line(results: Results) -> str:
    """Says in one line what the seeds reached so far."""
    return (
        f"{results.env}: {returns(results)}; env steps "
        f"{median(results, _env_steps)}, seconds {median(results, _wall)}"
    )


def filled(text: str, made: dict[str, str]) -> str:
    """Returns a page with the tables between its markers replaced."""

    def replace(match: re.Match[str]) -> str:
        return f"{match[1]}\n{made[match[2]]}\n{match[3]}"

    return re.sub(
        r"^(<!-- table (\w+) -->)\n.*?^(<!-- end of table -->)$",
        replace,
        text,
        flags=re.M | re.S,
    )


def summary(folder: pathlib.Path) -> str:
    """Writes as JSON what `keras_cem.cli.presets.measured` returns."""
    measured = {
        env: presets.Measured(
            episode_return=statistics.fmean(
                run.episode_return for run in found.runs
            ),
            least=min(run.episode_return for run in found.runs),
            seeds=len(found.runs),
            episodes=found.episodes,
            env_steps=round(statistics.median(map(_env_steps, found.runs))),
            seconds=statistics.median(map(_wall, found.runs)),
        )
        for env in presets.names()
        if (found := result_files.ours(folder, env))
    }
    content = {env: dataclasses.asdict(each) for env, each in measured.items()}
    return json.dumps(content, indent=2) + "\n"


def write_pages(folder: pathlib.Path, root: pathlib.Path = ROOT) -> None:
    """Writes the tables into the pages, and the summary into the package."""
    made = tables(folder)
    for page in PAGES:
        path = root / page
        path.write_text(filled(path.read_text(), made))
    (root / SUMMARY).write_text(summary(folder))
