"""Flags of the options of the method and of playing, as declared."""

from keras_cem.cli.flags import TABLE
from keras_cem.cli.flags.flag_groups import Group


def define(group: Group) -> None:
    """Defines the flags of the options that belong to a group.

    Args:
        group: A group of the help.
    """
    for flag in TABLE["flags"]:
        if flag["subject"] != group.subject:
            continue
        name, default, about = flag["name"], flag["default"], flag["help"]
        match flag["kind"]:
            case "count":
                group.count(name, default, about, **flag["arguments"])
            case "number":
                group.number(name, default, about, **flag["arguments"])
            case "choice":
                group.choice(name, default, about=about, **flag["arguments"])
            case _:
                group.switch(name, default, about)
