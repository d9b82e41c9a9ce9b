"""Resuming a run with the settings in its config.json."""

from typing import Any

from absl import flags

from keras_cem.cli.console import CommandError
from keras_cem.cli.flags import old_settings, worker_flags

# Flags that config.json does not store: the folder, how to start, who plays,
# and what is about several runs.
NOT_KEPT = (
    "jobs",
    "output",
    "overwrite",
    "resume",
    "seeds",
    *worker_flags.NAMES,
)
# Flags that a resumed run may change, because the finished epochs do not
# depend on them.
_FREE = (
    "epochs",
    "episodes",
    "plot",
    "progress",
    "track",
    "video",
    "checkpoint_every",
)


def take_settings(values: flags.FlagValues, config: dict[str, Any]) -> None:
    """Sets flags to the values that the run was started with.

    Args:
        values: The parsed flags of `train`.
        config: The content of `config.json`.

    Raises:
        CommandError: If --overwrite was given, if a given flag contradicts
            `config`, or if `config` is incomplete, has an unknown setting or
            an invalid value.
        ValueError: If `config` has a setting that was removed.
    """
    if values.overwrite:
        raise CommandError(
            "--overwrite and --resume must not be given together, because "
            "--overwrite deletes the run to resume. Received: --resume, "
            "--overwrite"
        )
    try:
        kept = {
            **config["flags"],
            "seed": config["seed"],
            "epsilon_steps": config["epsilon_steps"],
        }
    except (KeyError, TypeError) as error:
        raise CommandError(
            "config.json must have all settings of a `keras-cem train` run. "
            f"Received: a file without {error}"
        ) from error
    old_settings.refuse_taken_out(config["flags"], "config.json")
    contradictions = []
    for name in sorted(values):
        flag = values[name]
        # A flag unknown to an earlier version had its default.
        value = kept.pop(name, flag.default)
        if name in NOT_KEPT or (name in _FREE and flag.present):
            continue
        if not flag.present:
            _set(flag, value)
        elif flag.value != value:
            contradictions.append(f"--{name}={flag.value}, not {value}")
    if contradictions:
        raise CommandError(
            f"With --resume, only {', '.join(f'--{name}' for name in _FREE)} "
            "may differ from the settings of the run. Received: "
            f"{'; '.join(contradictions)}"
        )
    if kept:
        raise CommandError(
            "Settings in config.json must be known to this version of "
            f"keras_cem. Received: {', '.join(sorted(kept))}"
        )


def _set(flag: flags.Flag, value: Any) -> None:
    if value is None and flag.default is None:
        flag.value = None
        return
    try:
        flag.parse(value)
    except flags.IllegalFlagValueError as error:
        raise CommandError(
            f"config.json has an invalid value: {error}"
        ) from error
