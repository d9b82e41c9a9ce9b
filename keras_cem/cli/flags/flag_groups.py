"""Flags of a command, grouped by subject in its help."""

import math
import re
from collections.abc import Sequence
from typing import Any

from absl import flags

# Largest integer that a flag accepts.
LARGEST = 2**32 - 1
# In the order of the help.
SUBJECTS = (
    "environment",
    "method",
    "network",
    "optimizer",
    "exploration",
    "evaluation",
    "search",
    "output",
)


class Group:
    """Defines the flags of one subject.

    Args:
        values: Where to define the flags.
        subject: One of `SUBJECTS`.
    """

    def __init__(self, values: flags.FlagValues, subject: str):
        self.subject = subject
        self._values = values
        self._common: dict[str, Any] = {
            "flag_values": values,
            # absl groups flags by this.
            "module_name": subject,
        }

    def text(self, name: str, default: str | None, about: str) -> None:
        """Defines a flag that takes any text."""
        flags.DEFINE_string(name, default, about, **self._common)

    def texts(
        self,
        name: str,
        default: list[str] | None,
        about: str,
        choices: Sequence[str] = (),
    ) -> None:
        """Defines a flag that takes comma-separated texts.

        Args:
            name: Name of the flag.
            default: Value if the flag is not given.
            about: Help of the flag.
            choices: If not empty, the allowed texts, each at most once.
        """
        flags.DEFINE_list(name, default, about, **self._common)
        if choices:
            flags.register_validator(
                name,
                lambda value: (
                    set(value) <= set(choices) and len(set(value)) == len(value)
                ),
                message=f"must be different ones of {', '.join(choices)}",
                flag_values=self._values,
            )

    def repeated(self, name: str, about: str) -> None:
        """Defines a flag that takes any text and may be given several times."""
        flags.DEFINE_multi_string(name, None, about, **self._common)

    def switch(self, name: str, default: bool | None, about: str) -> None:
        """Defines a boolean flag: --name or --noname."""
        flags.DEFINE_bool(name, default, about, **self._common)

    def count(
        self, name: str, default: int | None, about: str, least: int = 1
    ) -> None:
        """Defines a flag that takes an integer of at least `least`."""
        flags.DEFINE_integer(
            name,
            default,
            about,
            lower_bound=least,
            upper_bound=LARGEST,
            **self._common,
        )

    def number(
        self, name: str, default: float | None, about: str, **bounds: float
    ) -> None:
        """Defines a flag that takes a finite number."""
        flags.DEFINE_float(name, default, about, **{**bounds, **self._common})
        flags.register_validator(
            name,
            lambda value: value is None or math.isfinite(value),
            message="must be finite",
            flag_values=self._values,
        )

    def choice(
        self, name: str, default: str | None, choices: Sequence[str], about: str
    ) -> None:
        """Defines a flag that takes one of `choices`."""
        flags.DEFINE_enum(name, default, list(choices), about, **self._common)

    def flag(self, flag: flags.Flag) -> None:
        """Defines a flag of any other type."""
        flags.DEFINE_flag(flag, **self._common)


def help_text(values: flags.FlagValues) -> str:
    """Returns the help of a command's flags.

    Args:
        values: The flags. Those without a subject come first, in their order.
    """
    by_subject = values.flags_by_module_dict()
    lines = [
        f"\n{_described(flag)}"
        for subject, found in by_subject.items()
        for flag in found
        if subject not in SUBJECTS
    ]
    for subject in SUBJECTS:
        if subject in by_subject:
            lines.append(f"\n\n{subject}:")
            lines += [f"\n{_described(flag)}" for flag in by_subject[subject]]
    lines.append("\n\n--flagfile=FILE inserts flags from a file, one per line.")
    return "".join(lines)


def _described(flag: flags.Flag) -> str:
    switch = "[no]" if flag.boolean else ""
    # What absl says of the flags that `repeated` defines.
    about = str(flag.help).removesuffix(
        ";\n    repeat this option to specify a list of values"
    )
    about_values = values_text(flag.parser.syntactic_help)
    facts = [about_values] if about_values else []
    default = (flag.default_as_str or "").strip("'")
    if default not in ("", "{}"):
        facts.append(f"default: {default}")
    lines = flags.text_wrap(
        f"--{switch}{flag.name}: {about}", indent="    ", firstline_indent="  "
    )
    return lines + (f"\n    ({'; '.join(facts)})" if facts else "")


def values_text(text: str) -> str:
    """Returns absl's words for the values of a flag, easier to read.

    Args:
        text: Such as "an integer in the range [1, 4294967295]".

    Returns:
        Such as "an integer, at least 1".
    """
    text = re.sub(rf" in the range \[(.+), {LARGEST}\]", r", at least \1", text)
    text = re.sub(r" in the range \[(.+), (.+)\]", r" from \1 to \2", text)
    return text.replace(".0", "").replace("|", ", ")
