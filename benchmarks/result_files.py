"""Files of results: a JSON an environment, with the settings they are of."""

import dataclasses
import json
import pathlib
from typing import Any

from keras_cem.cli import presets
from keras_cem.cli.flags import old_settings

FOLDER = pathlib.Path(__file__).parent / "results"


@dataclasses.dataclass
class Result:
    """What one seed reached.

    Attributes:
        seed: The seed.
        episode_return: Mean over the episodes of the last evaluation.
        standard_deviation: Of their returns.
        least: Smallest of their returns.
        env_steps: Steps that training played.
        seconds: Of the process that trained.
        expected: Mean return of this policy by the environment's table of
            transitions, None where it has none.
        epochs: Of training, None where there are none.
        processor_seconds: Of the process that trained, None if not measured.
    """

    seed: int
    episode_return: float
    standard_deviation: float
    least: float
    env_steps: int
    seconds: float
    expected: float | None = None
    epochs: int | None = None
    processor_seconds: float | None = None


@dataclasses.dataclass
class Results:
    """What the seeds of one environment reached.

    Attributes:
        env: Id of the environment.
        settings: What was trained with.
        episodes: Of the last evaluation.
        optimum: Mean return of the best policy, None where it is unknown.
        runs: By seed.
    """

    env: str
    settings: dict[str, Any]
    episodes: int
    optimum: float | None = None
    runs: list[Result] = dataclasses.field(default_factory=list)

    def add(self, result: Result) -> None:
        """Puts a result in, in place of an older one of its seed."""
        others = [run for run in self.runs if run.seed != result.seed]
        self.runs = sorted([*others, result], key=lambda run: run.seed)

    def has(self, seed: int) -> bool:
        """Whether there is a result of this seed."""
        return any(run.seed == seed for run in self.runs)


def read(
    folder: pathlib.Path, env: str, settings: dict[str, Any]
) -> Results | None:
    """Returns the results of these settings, None if there are none."""
    path = folder / f"{env}.json"
    if not path.exists():
        return None
    content = json.loads(path.read_text())
    runs = [Result(**run) for run in content.pop("runs")]
    results = Results(**content, runs=runs)
    # Results keep the names of settings of their time.
    known = old_settings.translated(results.settings)
    return results if known == settings else None


def ours(folder: pathlib.Path, env: str) -> Results | None:
    """Returns the results of the committed settings, None if none."""
    if env not in presets.names():
        return None
    return read(folder, env, presets.load(env))


def write(folder: pathlib.Path, results: Results) -> None:
    """Keeps results."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(dataclasses.asdict(results), indent=2)
    (folder / f"{results.env}.json").write_text(text + "\n")
