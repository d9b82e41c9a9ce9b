"""The search space of `keras-cem tune`: names and their values.

Names are flags of `keras-cem train`, or keys of its --agent_kwargs.
"""

from collections.abc import Collection, Mapping
from typing import Any

from absl import flags

from keras_cem.agent.options import OPTIONS
from keras_cem.cli import presets
from keras_cem.cli.console import CommandError
from keras_cem.cli.flags import from_flags, json_flags, train_flags
from keras_cem.utils.option_fields import Choices, Numbers

Values = Numbers | Choices

SPACE: dict[str, Values] = {
    "batch_size": Numbers(16, 512, log=True),
    "learning_rate": Numbers(1e-4, 1e-1, log=True),
    "hidden_units": Choices(("", "32", "128", "64,64", "128,128")),
    "epsilon_schedule": Choices(("harmonic", "linear", "cosine")),
    "epsilon_minimum": Numbers(0.0, 0.3),
    **{
        name: each.search
        for name, each in OPTIONS.items()
        if each.search is not None
    },
}


def space(
    values: flags.FlagValues,
    given: Collection[str],
    asked: Collection[str] | None,
) -> dict[str, Values]:
    """Returns the search space for the given flags.

    Args:
        values: The flags, including those of the preset.
        given: Names of the flags and keys that stay fixed.
        asked: Names to search; if None, every name that the environment and
            the other flags allow.

    Raises:
        CommandError: If a name in `asked` is unknown or fixed, or if no name
            is left to search.
        TypeError, ValueError: If a name in `asked` contradicts the other flags.
    """
    for name in asked or ():
        if name not in SPACE or name in given:
            raise CommandError(
                f"--search must name settings from {', '.join(SPACE)} that "
                f"are not given as flags. Received: --search={name}"
            )
    # Epochs are searched then, instead of steps.
    passing_in_epochs = from_flags.in_epochs(values)
    found: dict[str, Values] = {}
    for name in SPACE:
        if name in given or (asked is not None and name not in asked):
            continue
        if name == "gradient_steps" and not asked and passing_in_epochs:
            continue
        tried = {**found, name: _fitted(name, values)}
        try:
            # The agent refuses options that do not suit its environment, so
            # this module need not know which option suits which.
            from_flags.agent(
                changed(
                    values, {key: each.probe for key, each in tried.items()}
                )
            )
        except (TypeError, ValueError):
            if asked is not None:
                raise
            continue
        found = tried
    if not found:
        raise CommandError(
            "At least one setting must be left to search. Received: "
            f"{', '.join(sorted(given))}, which are all given as flags"
        )
    return found


def base(
    values: flags.FlagValues, searched: Mapping[str, Values]
) -> dict[str, Any]:
    """Returns the flags' values of the searched names, to start from."""
    return {name: _written(name, values) for name in searched}


def _fitted(name: str, values: flags.FlagValues) -> Values:
    fitted = SPACE[name].including(_written(name, values))
    group = json_flags.get(values, "episodes_per_start") or json_flags.get(
        values, "episodes_per_policy"
    )
    if name == "batch_size" and group and isinstance(fitted, Numbers):
        return fitted.multiples_of(group)
    return fitted


def _written(name: str, values: flags.FlagValues) -> Any:
    value = json_flags.get(values, name)
    return presets.as_text(value) if isinstance(value, list) else value


def changed(
    values: flags.FlagValues, tried: Mapping[str, Any]
) -> flags.FlagValues:
    """Returns a copy of the training flags with some values changed.

    Args:
        values: Flags; only the settings of a training are copied.
        tried: New values by name; None leaves the flag out.
    """
    copy = flags.FlagValues()
    train_flags.define_settings(copy)
    for name in copy:
        copy[name].value = values[name].value
        copy[name].using_default_value = values[name].using_default_value
    for name, value in tried.items():
        if name not in copy:
            json_flags.put(copy, name, value)
        elif value is None:
            copy[name].value = None
        else:
            copy[name].parse(presets.as_text(value))
            copy[name].using_default_value = False
    copy.mark_as_parsed()
    return copy
