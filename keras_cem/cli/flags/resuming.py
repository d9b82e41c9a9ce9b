"""Going on with a run: its settings are those of its config.json."""

from typing import Any

from absl import flags

from keras_cem.cli.console import CommandError
from keras_cem.cli.flags import old_settings

# What config.json does not keep: where the run is, what to do with it, and what
# is seen of that.
NOT_KEPT = ("output", "overwrite", "progress", "resume")
# What a resumed run may have otherwise, for the epochs so far do not depend on
# it.
_FREE = (
    "epochs",
    "episodes",
    "plot",
    "report",
    "tensorboard",
    "video",
    "checkpoint_every",
)


def take_settings(values: flags.FlagValues, config: dict[str, Any]) -> None:
    """Gives flags the values that the run was started with.

    Args:
        values: Flags of `train`, as parsed.
        config: What `config.json` holds.

    Raises:
        CommandError: If a flag that was given contradicts it, or a value of it
            cannot be.
        ValueError: If it has a setting that was taken out.
    """
    if values.overwrite:
        raise CommandError(
            "--overwrite must be left out with --resume, which goes on with "
            "what it would remove. Received: --overwrite"
        )
    try:
        kept = {
            **config["flags"],
            "seed": config["seed"],
            "epsilon_steps": config["epsilon_steps"],
        }
    except (KeyError, TypeError) as error:
        raise CommandError(
            "config.json must have the settings of a run of `keras-cem "
            f"train`. Received: one without {error}"
        ) from error
    old_settings.refuse_taken_out(config["flags"], "config.json")
    contradictions = []
    for name in sorted(values):
        flag = values[name]
        # What an earlier version did not know was as it is by default.
        value = kept.pop(name, flag.default)
        if name in NOT_KEPT or (name in _FREE and flag.present):
            continue
        if not flag.present:
            _set(flag, value)
        elif flag.value != value:
            contradictions.append(f"--{name}={flag.value}, not {value}")
    if contradictions:
        raise CommandError(
            "Flags with --resume must be those that the run was started with, "
            f"but for {', '.join(f'--{name}' for name in _FREE)}. "
            f"Received: {'; '.join(contradictions)}"
        )
    if kept:
        raise CommandError(
            "config.json must have settings that this version knows. "
            f"Received: {', '.join(sorted(kept))}"
        )


def _set(flag: flags.Flag, value: Any) -> None:
    if value is None and flag.default is None:
        flag.value = None
        return
    try:
        flag.parse(value)
    except flags.IllegalFlagValueError as error:
        raise CommandError(
            f"config.json must have a value that can be: {error}"
        ) from error
