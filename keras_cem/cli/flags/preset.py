"""Takes settings of `keras-cem train` from a preset; given flags prevail."""

import contextlib
import importlib
from typing import Any

import numpy as np
from absl import flags

from keras_cem import spaces
from keras_cem.cli import presets
from keras_cem.cli.console import CommandError, print_paragraph
from keras_cem.cli.flags import json_flags, old_settings
from keras_cem.utils.environment_ids import complete

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
    if source in presets.GENERAL:
        which, settings = f"for {source} actions", _fitting(source, values)
    elif source in presets.names():
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
                several = isinstance(flag, flags.MultiFlag)
                flag.parse(value if several else presets.as_text(value))
            taken.append(f"{name}={presets.as_text(value)}")
        values.validate_all_flags()
    except flags.IllegalFlagValueError as error:
        raise CommandError(
            f"Settings in the preset {which} must be valid values of their "
            f"flags. Received: {error}"
        ) from error
    print_paragraph(
        f"Settings from the preset {which}: "
        f"{', '.join(taken) or 'none, because all were given as flags'}"
    )


def _source(values: flags.FlagValues) -> str | None:
    """Returns the name or file of the preset, or None for no preset."""
    known = (*presets.names(), *presets.GENERAL)
    if values.preset is False:
        return None
    if isinstance(values.preset, str):
        if values.preset in known or values.preset.endswith(".json"):
            return values.preset
        raise CommandError(
            "--preset must be a file NAME.json or one of "
            f"{', '.join(known)}. Received: --preset={values.preset}"
        )
    env = None if values.env is None else complete(values.env)
    if env is None or env in presets.names():
        return env
    return _general(values)


def _general(values: flags.FlagValues) -> str | None:
    """Returns the preset for the kind of actions of an environment.

    Args:
        values: Flags of an environment without a preset of its own.

    Returns:
        `"Box"` if some component of an action is real, else `"Discrete"`; None
        if the environment cannot be made, which training reports.
    """
    made = _spaces(values)
    if made is None:
        return None
    return "Box" if _has_floats(made[1]) else "Discrete"


def _fitting(kind: str, values: flags.FlagValues) -> dict[str, presets.Value]:
    """Returns the preset for a kind of actions, as far as it fits."""
    settings = presets.load(kind)
    made = None if values.env is None else _spaces(values)
    if made is not None and not _has_floats(made[0]):
        # There is nothing to normalize.
        del settings["normalize_observations"]
    return settings


def _spaces(
    values: flags.FlagValues,
) -> tuple[spaces.Space, spaces.Space] | None:
    """Returns what an environment observes and takes, None if not made."""
    try:
        # Import only now: it imports TensorFlow.
        environment = importlib.import_module("keras_cem.cli.run.environment")
        env = environment.of(values.flag_values_dict())
        if isinstance(env, str):
            made = environment.gymnasium_ids.make_env(env)
        else:
            made = env()
        with contextlib.closing(made):
            return (
                spaces.get(made.observation_space, "observation_space"),
                spaces.get(made.action_space, "action_space"),
            )
    except Exception:
        return None


def _has_floats(space: spaces.Space) -> bool:
    return any(np.issubdtype(leaf.dtype, np.floating) for leaf in space.leaves)
