"""Flags of the arguments and wrappers of an environment."""

import json
import math
from typing import Any

from absl import flags

from keras_cem.cli.flags.flag_groups import Group

_EXAMPLE = '{"is_slippery": false}'


class ObjectParser(flags.ArgumentParser[dict[str, Any]]):
    """Parses a JSON object whose numbers are finite."""

    syntactic_help = "a JSON object"

    def parse(self, argument: Any) -> dict[str, Any]:
        """Returns the parsed object.

        Args:
            argument: The JSON text, or the parsed object.

        Raises:
            ValueError: If `argument` is not such an object.
        """
        try:
            found = (
                json.loads(argument) if isinstance(argument, str) else argument
            )
            # Refuses other objects, and NaN in the text.
            json.dumps(found, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(
                f"must be a JSON object such as '{_EXAMPLE}'. {str(error)[:80]}"
            ) from error
        if not isinstance(found, dict) or any(
            isinstance(value, float) and not math.isfinite(value)
            for value in found.values()
        ):
            raise ValueError(f"must be a JSON object such as '{_EXAMPLE}'.")
        return found

    def flag_type(self) -> str:
        """Returns the name of the type in the help."""
        return "JSON object"


class _Serializer(flags.ArgumentSerializer[dict[str, Any]]):
    def serialize(self, value: dict[str, Any]) -> str:
        """Returns the value as JSON text."""
        return json.dumps(value)


def define(group: Group) -> None:
    """Defines the flags of training.

    Args:
        group: The group of the environment.
    """
    group.flag(
        flags.Flag(
            ObjectParser(),
            _Serializer(),
            "env_kwargs",
            "{}",
            "Arguments of the environment as a JSON object, such as "
            f"'{_EXAMPLE}'.",
        )
    )
    group.repeated(
        "wrapper",
        "Wrapper of the environment, module:Class, with arguments as a JSON "
        "object behind it. Give --wrapper again for another one around it.",
    )
    group.repeated(
        "train_wrapper",
        "Wrapper of training only, around the others. Greedy episodes are "
        "played without it.",
    )


def define_given(values: flags.FlagValues) -> None:
    """Defines the flag of commands that play the environment of a run.

    Args:
        values: Where to define the flag.
    """
    flags.DEFINE_multi_string(
        "wrapper",
        None,
        "A wrapper of the run that is trusted. Needed only if it is not of "
        "gymnasium or MiniGrid.",
        flag_values=values,
    )
