"""`keras-cem COMMAND --flag=value ...`."""

import contextlib
import importlib
import sys
from collections.abc import Sequence
from typing import Any

import gymnasium
from absl import flags

from keras_cem.cli import flag_files, quiet_start
from keras_cem.cli.console import CommandError
from keras_cem.cli.flags import (
    card_flags,
    evaluate_flags,
    export_flags,
    list_flags,
    old_settings,
    playground_flags,
    plot_flags,
    push_flags,
    record_flags,
    report_flags,
    train_flags,
    tune_flags,
)
from keras_cem.cli.flags.flag_errors import described
from keras_cem.cli.flags.flag_groups import help_text
from keras_cem.saving.interrupts import TrainingInterrupted
from keras_cem.utils.printing import say

# Flags and help of each command. What it does is in the module of the same name
# in `commands`, which is imported only to run it: TensorFlow takes seconds.
_COMMANDS = {
    "train": train_flags,
    "evaluate": evaluate_flags,
    "export": export_flags,
    "plot": plot_flags,
    "record": record_flags,
    "report": report_flags,
    "card": card_flags,
    "push": push_flags,
    "list": list_flags,
    "tune": tune_flags,
    "playground": playground_flags,
}
_MODULES = {"list": "list_environments"}
_VERBOSE = "-v"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: Arguments after the program's name. Defaults to `None`: the
            arguments of the process.

    Returns:
        Exit status: 0 for success, 1 if the command failed, 2 for wrong
        arguments, 130 after Ctrl-C, 143 after SIGTERM in training.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("--help", "-h", "help"):
        print(_overview())
        return 0 if arguments else 2
    name, *rest = arguments
    is_quiet = _VERBOSE not in rest
    rest = [argument for argument in rest if argument != _VERBOSE]
    if name not in _COMMANDS:
        return _usage(
            "keras-cem",
            f"the command must be one of {', '.join(_COMMANDS)}. "
            f"Received: {name!r}",
        )
    command, program = _COMMANDS[name], f"keras-cem {name}"
    values = flags.FlagValues()
    command.define_flags(values)
    if {"--help", "-h", "-help"} & set(rest):
        print(f"{program}: {command.__doc__}\nFlags:{help_text(values)}")
        return 0
    try:
        flag_files.check(rest)
        _, *extra = values([program, *rest])
    except flags.UnrecognizedFlagError as error:
        return _usage(
            program, old_settings.about(error.flagname) or described(error)
        )
    # absl raises ValueError for --noplot=1.
    except (CommandError, flags.Error, ValueError) as error:
        return _usage(program, described(error))
    if extra:
        return _usage(
            program,
            f"arguments must be flags, --name=value. Received: {extra[0]!r}",
        )
    try:
        _import(name, is_quiet).run(values)
    except (
        CommandError,
        ValueError,
        TypeError,
        # The environment's module or a package that it needs is missing.
        ImportError,
        gymnasium.error.DependencyNotInstalled,
    ) as error:
        return _usage(program, str(error))
    except (RuntimeError, OSError) as error:
        say(f"{program}: {error}", sys.stderr)
        return 1
    except TrainingInterrupted as interrupted:
        say(f"{program}: {interrupted}", sys.stderr)
        return 128 + interrupted.signum
    except KeyboardInterrupt:
        say(f"{program}: interrupted", sys.stderr)
        return 130
    return 0


def _import(name: str, is_quiet: bool) -> Any:
    """Imports the module that runs a command."""
    module = f"keras_cem.cli.commands.{_MODULES.get(name, name)}"
    if "tensorflow" in sys.modules:
        return importlib.import_module(module)
    with (
        quiet_start.without_noise() if is_quiet else contextlib.nullcontext(),
        quiet_start.without_collection(),
    ):
        found = importlib.import_module(module)
        if "tensorflow" in sys.modules:
            importlib.import_module("keras_cem.utils.devices").announce()
    return found


def _overview() -> str:
    lines = [
        f"  {name:12}{(command.__doc__ or '').splitlines()[0]}"
        for name, command in _COMMANDS.items()
    ]
    return "\n".join(
        [
            "Deep cross-entropy method for Keras 3.",
            "",
            "usage: keras-cem COMMAND --flag=value ...",
            "",
            *lines,
            "",
            "keras-cem COMMAND --help lists the flags of a command.",
            "-v after COMMAND shows TensorFlow's messages about the machine.",
        ]
    )


def _usage(program: str, message: str) -> int:
    print(f"{program}: {message}", file=sys.stderr)
    print(f"See {program} --help.", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
