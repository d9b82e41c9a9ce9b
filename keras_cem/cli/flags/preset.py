"""Takes settings of `keras-cem train` from a preset; given flags prevail."""

from typing import Any

from absl import flags

from keras_cem.adapters.gymnasium_ids import complete
from keras_cem.cli import presets
from keras_cem.cli.console import CommandError
from keras_cem.cli.flags import json_flags, old_settings

# Flags that describe the run, and so cannot be in a preset.
NOT_SETTINGS = ("env", "output", "overwrite", "preset", "resume")


class PresetParser(flags.ArgumentParser[bool | str]):
    """Takes `--preset`, `--nopreset` and `--preset=NAME`."""

    syntactic_help = "the id of an environment, or a JSON file"

    def parse(self, argument: Any) -> bool | str:
        """Returns a name, or whether to take the environment's own preset."""
        if isinstance(argument, bool):
            return argument
        if not isinstance(argument, str):
            raise TypeError(f"must be a string. Received: {argument!r}")
        if not argument:
            raise ValueError(f"must be {self.syntactic_help}")
        # absl turns a flag without a value into "true" or "false".
        return {"true": True, "false": False}.get(argument, argument)

    def flag_type(self) -> str:
        """Returns the name of the type in the help."""
        return "preset"


def take_settings(values: flags.FlagValues) -> None:
    """Sets the flags that were not given to the preset's values, and prints it.

    Args:
        values: The parsed flags of `train`.

    Raises:
        CommandError: If there is no such preset, or if it has an unknown
            setting or an invalid value.
        ValueError: If the file holds no preset, or a setting that was removed.
    """
    source = _source(values)
    if source is None:
        return
    if source in presets.names():
        which, settings = f"for {source}", presets.load(source)
    else:
        which, settings = source, presets.read(source)
    settings = old_settings.translated(settings)
    old_settings.refuse_taken_out(settings, f"the preset {which}")
    taken = []
    try:
        for name, value in settings.items():
            if name not in values or name in NOT_SETTINGS:
                raise CommandError(
                    f"Settings in the preset {which} must be flags of "
                    "`keras-cem train` other than "
                    f"{', '.join(NOT_SETTINGS)}. Received: {name}={value!r}"
                )
            flag = values[name]
            if name in json_flags.KEYS:
                value = json_flags.add(flag, value)
                if not value:
                    continue
            elif flag.present:
                continue
            else:
                flag.parse(presets.as_text(value))
            taken.append(f"{name}={presets.as_text(value)}")
        values.validate_all_flags()
    except flags.IllegalFlagValueError as error:
        raise CommandError(
            f"Settings in the preset {which} must be valid values of their "
            f"flags. Received: {error}"
        ) from error
    print(
        f"Settings from the preset {which}: "
        f"{', '.join(taken) or 'none, because all were given as flags'}"
    )


def _source(values: flags.FlagValues) -> str | None:
    """Returns the id or file of the preset, or None for no preset."""
    if values.preset is False:
        return None
    if isinstance(values.preset, str):
        if values.preset in presets.names() or values.preset.endswith(".json"):
            return values.preset
        raise CommandError(
            "--preset must be a file NAME.json or one of "
            f"{', '.join(presets.names())}. Received: "
            f"--preset={values.preset}"
        )
    env = None if values.env is None else complete(values.env)
    if env in presets.names():
        return env
    if values.preset:
        raise CommandError(
            "--preset must name a file NAME.json or one of "
            f"{', '.join(presets.names())}, because --env has no preset. "
            f"Received: --preset without a name, --env={values.env}"
        )
    return None
