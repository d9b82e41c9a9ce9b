"""Flags of the options of the method and of playing, as declared."""

import math
from typing import Any

from keras_cem.agent.options import OPTIONS
from keras_cem.cli.flags.flag_groups import Group
from keras_cem.engines.playing import PLAYING
from keras_cem.utils.option_fields import Flag, Option
from keras_cem.utils.option_kinds import Boolean, Choice, Integer, Number


def define(group: Group) -> None:
    """Defines the flags of the options that belong to a group.

    Args:
        group: A group of the help.
    """
    for name, each in {**OPTIONS, **PLAYING}.items():
        if each.flag is not None and each.flag.subject == group.subject:
            _define(group, name, each, each.flag)


def _define(group: Group, name: str, option: Option, flag: Flag) -> None:
    default: Any = option.default if flag.default is ... else flag.default
    match option.kind:
        case Integer(least=least):
            group.count(name, default, flag.help, least=least)
        case Choice(names=names):
            group.choice(name, default, names, flag.help)
        case Boolean():
            group.switch(name, default, flag.help)
        case Number(low=low, high=high):
            bounds = {"lower_bound": low, "upper_bound": high}
            finite = {
                end: bound
                for end, bound in bounds.items()
                if math.isfinite(bound)
            }
            group.number(name, default, flag.help, **finite)
        case kind:
            raise TypeError(
                f"`flag` of `{name}` must be None. Received: a flag for values "
                f"of kind {type(kind).__name__}, which no flag can give."
            )
