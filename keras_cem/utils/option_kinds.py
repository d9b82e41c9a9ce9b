"""Kinds of values of an option: their check, their type and their JSON form."""

import copy
import dataclasses
import math
from collections.abc import Callable
from typing import Any

import keras

from keras_cem.utils import checks


class Kind:
    """The values that an option takes; this base class takes all.

    Attributes:
        is_json: Whether JSON has the values, and so the command line. Defaults
            to `True`.
    """

    is_json: bool = True

    def check(self, name: str, value: Any) -> None:
        """Refuses a value that the option does not take.

        Args:
            name: Name of the option.
            value: The value.

        Raises:
            ValueError: If the value is out of range.
            TypeError: If the value is of the wrong type.
        """

    def plain(self, value: Any) -> Any:
        """Returns a checked value in the type that the option has."""
        return value

    def serialize(self, value: Any) -> Any:
        """Returns a plain value as JSON values."""
        return value

    def deserialize(self, value: Any) -> Any:
        """Returns the value that `serialize` returned as JSON values."""
        return value


@dataclasses.dataclass(frozen=True)
class Number(Kind):
    """Numbers of an interval.

    Args:
        low: Lower end. Defaults to `-math.inf`.
        high: Upper end. Defaults to `math.inf`.
        ends: `"("` or `"["` and `")"` or `"]"`, as the interval is written: a
            square bracket includes the end. Defaults to `"[]"`.
    """

    low: float = -math.inf
    high: float = math.inf
    ends: str = "[]"

    def check(self, name: str, value: Any) -> None:
        # Versions up to 0.1 took schedules and saved them as dictionaries.
        if callable(value) or isinstance(value, dict):
            raise TypeError(
                f"`{name}` must be a number. Received: {name}={value!r} of "
                f"type {type(value).__name__}. Only epsilon can follow a "
                "schedule, see `callbacks.EpsilonDecay`."
            )
        if self.ends == "[]":
            checks.number(self.low, self.high, **{name: value})
            return
        checks.number(**{name: value})
        above = value > self.low if self.ends[0] == "(" else value >= self.low
        below = value < self.high if self.ends[1] == ")" else value <= self.high
        if not (above and below):
            raise ValueError(
                f"`{name}` must be in {self.ends[0]}{self.low:g}, "
                f"{self.high:g}{self.ends[1]}. Received: {name}={value}"
            )

    def plain(self, value: Any) -> float:
        return float(value)


@dataclasses.dataclass(frozen=True)
class Integer(Kind):
    """Integers of an interval.

    Args:
        least: Smallest integer.
        most: Largest integer. Defaults to `math.inf`: no limit.
        cure: Last sentence of the error message. Defaults to `""`.
    """

    least: int
    most: float = math.inf
    cure: str = ""

    def check(self, name: str, value: Any) -> None:
        checks.at_least(self.least, self.cure, **{name: value})
        # The check above accepts None.
        checks.number(self.least, self.most, **{name: value})

    def plain(self, value: Any) -> int:
        return int(value)


@dataclasses.dataclass(frozen=True)
class Choice(Kind):
    """One of several names.

    Args:
        names: The names.
    """

    names: tuple[str, ...]

    def check(self, name: str, value: Any) -> None:
        checks.one_of(self.names, **{name: value})


class Boolean(Kind):
    """True or False."""

    def check(self, name: str, value: Any) -> None:
        if not isinstance(value, bool):
            raise TypeError(
                f"`{name}` must be a bool. Received: {name}={value!r}"
            )


class Layer(Kind):
    """Keras layers. The agent tracks and saves their weights."""

    is_json = False

    def check(self, name: str, value: Any) -> None:
        if isinstance(value, keras.Layer):
            return
        kind = type(value)
        cure = (
            " With TF_USE_LEGACY_KERAS=1, `tf.keras` is not Keras 3: build it "
            "with `import keras`."
            if kind.__module__.startswith("tf_keras")
            else ""
        )
        raise TypeError(
            f"`{name}` must be a `keras.Layer`. Received: {name}={value!r} of "
            f"type {kind.__module__}.{kind.__qualname__}.{cure}"
        )

    def serialize(self, value: keras.Layer) -> dict[str, Any]:
        config: dict[str, Any] = keras.saving.serialize_keras_object(value)
        return config

    def deserialize(self, value: dict[str, Any]) -> keras.Layer:
        # A copy, because Keras modifies the config that it deserializes.
        return keras.saving.deserialize_keras_object(copy.deepcopy(value))


@dataclasses.dataclass(frozen=True)
class Converted(Kind):
    """Values that a function turns into JSON values.

    Args:
        to_json: The function.
    """

    to_json: Callable[[Any], Any]

    def plain(self, value: Any) -> Any:
        return self.to_json(value)
