"""Writes keras_cem/cli/flags/options.json from the declared options.

The command line reads the file, so that it can parse flags and show help before
it imports TensorFlow.

    python -m tools.option_table          # write
    python -m tools.option_table --check  # fail if the file differs
"""

import argparse
import inspect
import json
import math
import pathlib
import sys
from typing import Any

from keras_cem import networks
from keras_cem.agent.options import OPTIONS
from keras_cem.cli.tuning.search_space import SPACE
from keras_cem.engines.playing import PLAYING
from keras_cem.utils.option_fields import Flag, Option
from keras_cem.utils.option_kinds import Boolean, Choice, Integer, Number

PATH = "keras_cem/cli/flags/options.json"


def table() -> dict[str, Any]:
    """Returns the content of the file."""
    return {
        "flags": [
            describe(name, each, each.flag)
            for name, each in {**OPTIONS, **PLAYING}.items()
            if each.flag is not None
        ],
        "keys": {
            "network": {
                name: parameter.default
                for name, parameter in inspect.signature(
                    networks.default_policy
                ).parameters.items()
                if parameter.kind is parameter.KEYWORD_ONLY
                # The network takes the action scale of the agent.
                and name not in ("action_scale", "name")
            },
            "agent_kwargs": {
                name: each.default
                for name, each in OPTIONS.items()
                if each.kind.is_json
            },
            "fit_kwargs": {
                "loss": None,
                "jit_compile": "auto",
                **{name: each.default for name, each in PLAYING.items()},
            },
        },
        "searched": list(SPACE),
    }


def describe(name: str, option: Option, flag: Flag) -> dict[str, Any]:
    """Returns the entry of an option with a flag.

    Args:
        name: Name of the option.
        option: The option.
        flag: Its flag.

    Raises:
        TypeError: If no flag can give the values of the option.
    """
    arguments: dict[str, Any] = {}
    match option.kind:
        case Integer(least=least):
            kind, arguments = "count", {"least": least}
        case Choice(names=names):
            kind, arguments = "choice", {"choices": list(names)}
        case Boolean():
            kind = "switch"
        case Number(low=low, high=high):
            bounds = {"lower_bound": low, "upper_bound": high}
            kind = "number"
            arguments = {
                end: bound
                for end, bound in bounds.items()
                if math.isfinite(bound)
            }
        case other:
            raise TypeError(
                f"`flag` of `{name}` must be None. Received: a flag for values "
                f"of kind {type(other).__name__}, which no flag can give."
            )
    return {
        "name": name,
        "subject": flag.subject,
        "kind": kind,
        "arguments": arguments,
        "default": option.default if flag.default is ... else flag.default,
        "help": flag.help,
    }


def main() -> int:
    """Writes or checks the file; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    path = pathlib.Path(__file__).parents[1] / PATH
    text = json.dumps(table(), indent=2) + "\n"
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return 0
    if check:
        print(f"{PATH} is out of date. Run: python -m tools.option_table")
        return 1
    path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
