"""Declares an option as one field of a dataclass.

The field holds all of it: type, default, values, JSON form, help, flag, range
of `tune`. Constructors, configurations, docstrings and flags are made from it.
`agent.options` has those of the method, `engines.playing` those of playing.
"""

import dataclasses
import inspect
import math
import textwrap
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from keras_cem.utils.option_kinds import Kind

T = TypeVar("T")
Arguments = ParamSpec("Arguments")
_WIDTH = 80
_KEY = "option"


@dataclasses.dataclass(frozen=True)
class Flag:
    """The flag of an option on the command line.

    An option without one is a key of `--agent_kwargs`, or of `--fit_kwargs` if
    it is about playing.

    Args:
        subject: Heading of the flag in the help.
        help: One line of help.
        default: Default of the command line. Defaults to `...`: that of the
            option.
    """

    subject: str
    help: str
    default: Any = ...


@dataclasses.dataclass(frozen=True)
class Numbers:
    """A range of numbers to search; integers if both ends are integers.

    Args:
        low: Smallest value.
        high: Largest value.
        log: Whether to sample on a logarithmic scale. Defaults to `False`.
        step: Distance between neighboring integers. Defaults to `1`.
    """

    low: float
    high: float
    log: bool = False
    step: int = 1

    def including(self, value: Any) -> "Numbers":
        """Returns the range, extended to contain `value`."""
        low, high = min(self.low, value), max(self.high, value)
        return dataclasses.replace(self, low=low, high=high)

    def multiples_of(self, step: int) -> "Numbers":
        """Returns the range of multiples of `step`, with at least two."""
        low = math.ceil(self.low / step) * step
        high = max(low + step, math.floor(self.high / step) * step)
        return Numbers(low, high, step=step)

    @property
    def probe(self) -> float:
        """A value for a test: the agent refuses it if it refuses others."""
        return self.high


@dataclasses.dataclass(frozen=True)
class Choices:
    """Values to search, as on the command line; None leaves the flag out."""

    values: tuple[str | int | bool | None, ...]

    def including(self, value: Any) -> "Choices":
        """Returns the choices with `value` among them."""
        known = value in self.values
        return self if known else Choices((*self.values, value))

    @property
    def probe(self) -> str | int | bool | None:
        """A value for a test: the agent refuses it if it refuses others."""
        return self.values[-1]


@dataclasses.dataclass(frozen=True)
class Option:
    """Everything about an option but its name and type; see `option`."""

    default: Any
    kind: Kind
    help: str
    unset: str
    derive: Callable[[Any], Any] | None
    checked_by_head: bool
    flag: Flag | None
    search: Numbers | Choices | None


def option(
    default: T,
    kind: Kind,
    help: str,
    *,
    unset: str = "",
    derive: Callable[[Any], T] | None = None,
    checked_by_head: bool = False,
    flag: Flag | None = None,
    search: Numbers | Choices | None = None,
) -> T:
    """Returns the field of an option.

    Args:
        default: Default value. An option whose default is None takes None.
        kind: The values that the option takes.
        help: Text of the docstring, without the default.
        unset: What None means, for the docstring. Defaults to `""`.
        derive: Function of the options that returns the value to use for None.
            All given values have been checked; derived ones of later fields are
            still None. Defaults to `None`: None stays None.
        checked_by_head: Whether the head of the action space checks the value.
            Defaults to `False`.
        flag: Flag of the command line. Defaults to `None`: a key of
            `--agent_kwargs` or `--fit_kwargs`.
        search: What `keras-cem tune` searches. Defaults to `None`: nothing.
    """
    made = Option(
        default,
        kind,
        " ".join(help.split()),
        unset,
        derive,
        checked_by_head,
        flag,
        search,
    )
    return dataclasses.field(default=default, metadata={_KEY: made})


def declared(options: Any) -> dict[str, Option]:
    """Returns the options by name, in the order of their declaration.

    Args:
        options: Dataclass with fields made by `option`, or an instance.
    """
    return {
        field.name: field.metadata[_KEY]
        for field in dataclasses.fields(options)
        if _KEY in field.metadata
    }


def resolve(options: Any) -> None:
    """Checks each option and derives those that are None.

    Args:
        options: Instance of a frozen dataclass, in its `__post_init__`.

    Raises:
        ValueError: If a value is out of range.
        TypeError: If a value is of the wrong type.
    """
    known = declared(options)
    for name, each in known.items():
        value = getattr(options, name)
        if each.checked_by_head or (value is None and each.default is None):
            continue
        each.kind.check(name, value)
        object.__setattr__(options, name, each.kind.plain(value))
    for name, each in known.items():
        if each.derive is not None and getattr(options, name) is None:
            object.__setattr__(options, name, each.derive(options))


def values(options: Any) -> dict[str, Any]:
    """Returns the values of options by name, in the types that they have.

    Args:
        options: Checked options, by the head as well.
    """
    found = {name: getattr(options, name) for name in declared(options)}
    return {
        name: None if value is None else each.kind.plain(value)
        for (name, value), each in zip(
            found.items(), declared(options).values(), strict=True
        )
    }


def serialize(options: Any) -> dict[str, Any]:
    """Returns options as JSON values, for a configuration.

    Args:
        options: Checked options, by the head as well.
    """
    known = declared(options)
    return {
        name: None if value is None else known[name].kind.serialize(value)
        for name, value in values(options).items()
    }


def deserialize(options: Any, config: dict[str, Any]) -> dict[str, Any]:
    """Returns a configuration with its options as arguments.

    Args:
        options: The dataclass of the options.
        config: Configuration with the result of `serialize`, and other values.
    """
    known = declared(options)
    return {
        name: value
        if value is None or name not in known
        else known[name].kind.deserialize(value)
        for name, value in config.items()
    }


def take(options: Callable[..., T], arguments: dict[str, Any]) -> T:
    """Makes options of keyword arguments, and removes these.

    Args:
        options: The dataclass of the options.
        arguments: Keyword arguments of a constructor.
    """
    names = declared(options).keys() & arguments.keys()
    return options(**{name: arguments.pop(name) for name in names})


def takes(
    arguments: Callable[Arguments, Any],
) -> Callable[[Callable[..., T]], Callable[Concatenate[Any, Arguments], T]]:
    """Returns a decorator that states the options that a method takes as `**`.

    `inspect.signature` shows them before `**`. Type checkers see `arguments`
    in the place of the method's own.

    Args:
        arguments: Dataclass with all arguments of the method by name: its own,
            the options, and others that it takes as `**`.
    """
    parameters = inspect.signature(arguments).parameters
    names = declared(arguments)

    def decorate(method: Callable[..., T]) -> Callable[..., T]:
        signature = inspect.signature(method)
        *own, rest = signature.parameters.values()
        vars(method)["__signature__"] = signature.replace(
            parameters=[*own, *(parameters[name] for name in names), rest]
        )
        return method

    return decorate


def documents(options: type) -> Callable[[T], T]:
    """Returns a decorator that describes options in a docstring.

    The descriptions replace the line of `Args:` that starts with `**`.

    Args:
        options: The dataclass of the options.
    """

    def decorate(documented: T) -> T:
        lines = (documented.__doc__ or "").splitlines()
        documented.__doc__ = "\n".join(
            _described(options, line[: -len(line.lstrip())])
            if line.lstrip().startswith("**")
            else line
            for line in lines
        )
        return documented

    return decorate


def _described(options: type, indent: str) -> str:
    return "\n".join(
        textwrap.fill(
            f"{name}: {each.help} Defaults to `{_shown(each.default)}`"
            f"{each.unset and ': '}{each.unset}.",
            _WIDTH,
            initial_indent=indent,
            subsequent_indent=indent + " " * 4,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for name, each in declared(options).items()
    )


def _shown(default: Any) -> str:
    return f'"{default}"' if isinstance(default, str) else repr(default)
