"""Flags that take further arguments of a function as a JSON object."""

import json
import math
from collections.abc import Iterable
from typing import Any

from absl import flags

from keras_cem.cli.flags import TABLE
from keras_cem.cli.flags.flag_groups import LARGEST

# Keys and their defaults, per flag. Keys with a flag of their own are refused.
KEYS: dict[str, dict[str, Any]] = TABLE["keys"]


class JsonParser(flags.ArgumentParser[dict[str, Any]]):
    """Parses the value of a flag in `KEYS`.

    Values are numbers, strings, true, false, null, or lists of these. Objects
    are refused, because Keras would instantiate the classes that they name.

    Args:
        name: Name of the flag.
        values: The flags of the command.
    """

    syntactic_help = "a JSON object"

    def __init__(self, name: str, values: flags.FlagValues):
        super().__init__()
        self._name = name
        self._values = values

    def parse(self, argument: Any) -> dict[str, Any]:
        """Returns the parsed object.

        Args:
            argument: The JSON text, or the parsed object.

        Raises:
            ValueError: If `argument` is not such an object, or a key is not
                allowed.
        """
        found = self._load(argument) if isinstance(argument, str) else argument
        if not isinstance(found, dict):
            raise ValueError(
                f"must be a JSON object. Received: {_short(found)}. "
                f"{self._cure()}"
            )
        for key, value in found.items():
            self._check_key(key)
            _check_value(key, value)
        return found

    def flag_type(self) -> str:
        """Returns the name of the type in the help."""
        return "JSON object"

    @property
    def keys(self) -> list[str]:
        """The allowed keys."""
        return [key for key in KEYS[self._name] if key not in self._values]

    def _load(self, text: str) -> Any:
        try:
            return json.loads(text, object_pairs_hook=_once)
        except RecursionError as error:
            raise ValueError("is nested too deeply.") from error
        except ValueError as error:
            raise ValueError(
                f"must be a JSON object. Received: {_short(text)}. {error}. "
                f"{self._cure()}"
            ) from error

    def _check_key(self, key: Any) -> None:
        if key in self._values:
            raise ValueError(f"`{key}` has its own flag. Use --{key} instead.")
        if key not in self.keys:
            raise ValueError(
                f"Each key must be one of {', '.join(self.keys)}. Received: "
                f"{_short(key)}"
            )

    def _cure(self) -> str:
        return (
            "Put names in double quotes and the whole object in single "
            f"quotes, as in --{self._name}='{{\"{self.keys[0]}\": ...}}'."
        )


class _Serializer(flags.ArgumentSerializer[dict[str, Any]]):
    def serialize(self, value: dict[str, Any]) -> str:
        """Returns the value as JSON text."""
        return json.dumps(value)


def make(name: str, values: flags.FlagValues, about: str) -> flags.Flag:
    """Returns a flag that takes further arguments.

    Args:
        name: Name of the flag, a key of `KEYS`.
        values: The flags of the command.
        about: Help of the flag.
    """
    return flags.Flag(
        JsonParser(name, values), _Serializer(), name, "{}", about
    )


def add(flag: Any, value: Any) -> dict[str, Any]:
    """Adds keys that a flag does not have yet, and returns them.

    Args:
        flag: A flag in `KEYS`.
        value: Values by key.

    Raises:
        flags.IllegalFlagValueError: If the flag does not accept `value`.
    """
    try:
        parsed = flag.parser.parse(value)
    except ValueError as error:
        raise flags.IllegalFlagValueError(
            f"flag --{flag.name}={_short(value)}: {error}"
        ) from error
    new = {key: parsed[key] for key in parsed if key not in flag.value}
    flag.value = {**new, **flag.value}
    return new


def given(values: flags.FlagValues) -> set[str]:
    """Returns the names of the given flags and of the keys in them.

    Args:
        values: The parsed flags, before a preset sets others.
    """
    names = {name for name in values if values[name].present}
    for name in names & KEYS.keys():
        names |= _held(values, name).keys()
    return names


def get(values: flags.FlagValues, name: str) -> Any:
    """Returns the value of a flag, or of a key of a flag in `KEYS`.

    Args:
        values: The flags.
        name: Name of the flag or the key.
    """
    if name in values:
        return values[name].value
    flag = _flag_with(name)
    return _held(values, flag).get(name, KEYS[flag][name])


def put(values: flags.FlagValues, name: str, value: Any) -> None:
    """Sets a key of a flag in `KEYS`, or removes it if it has its default.

    Args:
        values: The flags.
        name: Name of the key.
        value: Value of the key.
    """
    flag: Any = values[_flag_with(name)]
    others = {key: old for key, old in flag.value.items() if key != name}
    if value != KEYS[flag.name][name]:
        others[name] = value
    flag.value = flag.parser.parse(others)


def _flag_with(key: str) -> str:
    """Returns the name of the flag that has a key."""
    (flag,) = (name for name, keys in KEYS.items() if key in keys)
    return flag


def _held(values: flags.FlagValues, name: str) -> dict[str, Any]:
    held: Any = values[name].value
    return held


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"`{key}` appears twice")
        found[key] = value
    return found


def _check_value(key: str, value: Any) -> None:
    for item in value if isinstance(value, list) else [value]:
        if item is None or isinstance(item, bool | str):
            continue
        if not isinstance(item, int | float):
            raise ValueError(
                f"`{key}` must be a number, a string, true, false, null or a "
                f"list of these. Received: {_short(value)}"
            )
        if not _allowed(item):
            raise ValueError(
                f"`{key}` must be finite and between -{LARGEST} and "
                f"{LARGEST}. Received: {_short(item)}"
            )


def _allowed(number: int | float) -> bool:
    # `isfinite` raises for a very large integer.
    if isinstance(number, int):
        return abs(number) <= LARGEST
    return math.isfinite(number) and abs(number) <= LARGEST


def _short(value: Any) -> str:
    try:
        return repr(value)[:80]
    except ValueError:
        # Python refuses to print integers of thousands of digits.
        return "a very large integer"
