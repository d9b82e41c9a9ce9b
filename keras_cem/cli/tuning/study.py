"""The study of `keras-cem tune`: Optuna stores, samples and prunes trials."""

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from keras_cem.cli.console import CommandError
from keras_cem.cli.tuning.search_space import Values
from keras_cem.cli.tuning.trial import (
    STAGES_PER_TRAINING,
    Outcome,
    Record,
    Report,
)
from keras_cem.utils import files
from keras_cem.utils.option_fields import Choices

_NAME = "keras-cem tune"
_DONE = (TrialState.COMPLETE, TrialState.PRUNED)

# Runs one trial with the given settings.
Play = Callable[[dict[str, Any], Report], Outcome]


class Study:
    """Trials of a search, stored in a file so that the search can resume.

    The next settings depend only on the seed and on the finished trials. A
    resumed search therefore equals an uninterrupted one. An interrupted trial
    does not count as finished.

    Args:
        path: File of the study, new or from an earlier call.
        config: Everything that the trials depend on.
        space: The search space.
        seed: Seed of the sampler.
        startup_trials: Number of random trials at the start. They are not
            pruned.
        prune: Whether to end a trial early if it is worse than the median of
            earlier trials at the same stage.

    Raises:
        CommandError: If the file is not a study, or is the study of another
            `config`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        config: dict[str, Any],
        space: Mapping[str, Values],
        *,
        seed: int,
        startup_trials: int,
        prune: bool,
    ):
        self._space = {name: _distribution(space[name]) for name in space}
        self._seed = seed
        self._startup_trials = startup_trials
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = _opened(
            os.fspath(path),
            optuna.pruners.MedianPruner(
                n_startup_trials=startup_trials,
                n_warmup_steps=STAGES_PER_TRAINING // 4,
            )
            if prune
            else optuna.pruners.NopPruner(),
        )
        kept = self._study.user_attrs.get("config", config)
        _compare(kept, config)
        self._study.set_user_attr("config", config)
        for left in self._study.get_trials(states=(TrialState.RUNNING,)):
            self._study.tell(left.number, state=TrialState.FAIL)

    def done(self) -> list[Record]:
        """Returns the finished trials in order."""
        trials = self._study.get_trials(deepcopy=False, states=_DONE)
        return [_record(trial) for trial in trials]

    def best(self) -> Record | None:
        """Returns the trial with the largest return, None if none has a return.

        Ties go to the trial with the fewest environment steps.
        """
        return max(
            (each for each in self.done() if each.env_steps is not None),
            key=lambda each: (each.episode_return, -(each.env_steps or 0)),
            default=None,
        )

    def run(self, start: Mapping[str, Any], play: Play) -> Record:
        """Runs the next trial.

        Args:
            start: Settings of the first trial.
            play: Runs a trial with its settings. If it raises RuntimeError,
                for example for weights that are not finite, the trial counts
                as finished.
        """
        trial = self._next(start)

        def report(step: int, value: float) -> None:
            trial.report(value, step)
            if trial.should_prune():
                raise optuna.TrialPruned

        try:
            outcome = play(_tried(trial.params), report)
        except optuna.TrialPruned:
            return self._end(trial, state=TrialState.PRUNED)
        except RuntimeError as error:
            trial.set_user_attr("failure", str(error))
            return self._end(trial, state=TrialState.PRUNED)
        trial.set_user_attr("env_steps", outcome.env_steps)
        return self._end(trial, values=outcome.episode_return)

    def _end(self, trial: optuna.Trial, **outcome: Any) -> Record:
        return _record(self._study.tell(trial, **outcome))

    def _next(self, start: Mapping[str, Any]) -> optuna.Trial:
        number = len(self.done())
        # A new sampler per trial: its state is not stored in the file.
        entropy = np.random.SeedSequence((self._seed, number))
        self._study.sampler = optuna.samplers.TPESampler(
            seed=int(entropy.generate_state(1)[0]),
            n_startup_trials=self._startup_trials,
        )
        waiting = self._study.get_trials(states=(TrialState.WAITING,))
        if not number and not waiting:
            self._study.enqueue_trial(dict(start))
        return self._study.ask(self._space)


def _record(trial: FrozenTrial) -> Record:
    return Record(
        tried=_tried(trial.params),
        episode_return=trial.value,
        env_steps=trial.user_attrs.get("env_steps"),
        stages=len(trial.intermediate_values),
        failure=trial.user_attrs.get("failure"),
    )


def _tried(params: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings, with numbers rounded to a readable length."""
    return {
        name: float(f"{value:.4g}") if isinstance(value, float) else value
        for name, value in params.items()
    }


class _Log(JournalFileBackend):
    """Optuna's journal file; write errors name the file."""

    def __init__(self, path: str, lock: JournalFileOpenLock):
        super().__init__(path, lock)
        self._path = path

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        with files.naming(self._path):
            super().append_logs(logs)


def _repaired(path: str, lock: JournalFileOpenLock) -> None:
    """Prepares a log for appending, or names the damaged line.

    Raises:
        CommandError: If a line is not an entry of an Optuna journal.
    """
    if not os.path.exists(path):
        return
    lock.acquire()
    try:
        files.drop_unfinished_line(path)
    finally:
        lock.release()
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                entry = json.loads(line)
                # Optuna distinguishes entries by this code.
                int(entry["op_code"])
            except (KeyError, RecursionError, TypeError, ValueError) as error:
                raise CommandError(
                    "--output must be a folder of `keras-cem tune`. "
                    f"Received: {path}, which is damaged in line {number}: "
                    f"{line[:80]!r}. Delete this line and all lines after it "
                    "to keep the trials before it, or choose another "
                    "--output."
                ) from error


def _opened(path: str, pruner: optuna.pruners.BasePruner) -> optuna.Study:
    # Unlike the default, this lock works without symbolic links.
    lock = JournalFileOpenLock(path)
    _repaired(path, lock)
    try:
        file = _Log(path, lock)
        return optuna.create_study(
            storage=JournalStorage(file),
            study_name=_NAME,
            direction="maximize",
            pruner=pruner,
            load_if_exists=True,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CommandError(
            "--output must be a folder of `keras-cem tune`. Received: "
            f"{path}, which is damaged. {error!r}"
        ) from error


def _compare(kept: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    others = [
        f"{name}: {config.get(name)!r}, not {kept.get(name)!r}"
        for name in sorted(kept.keys() | config.keys())
        if kept.get(name) != config.get(name)
    ]
    if others:
        raise CommandError(
            "Only --trials may differ from the settings that the search was "
            f"started with. Received: {'; '.join(others)}. Choose another "
            "--output to start a new search."
        )


def _distribution(values: Values) -> BaseDistribution:
    if isinstance(values, Choices):
        return CategoricalDistribution(values.values)
    low, high = values.low, values.high
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log=values.log, step=values.step)
    return FloatDistribution(low, high, log=values.log)
