"""The settings that the playground offers."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import gymnasium

from keras_cem import envs
from keras_cem.adapters import gymnasium_ids
from keras_cem.agent.options import OPTIONS
from keras_cem.algorithm import elite_steps, elites
from keras_cem.cli.flags.train_flags import EPSILON_SCHEDULES
from keras_cem.utils import checks

# When a change has its effect: at once, at once with a new compiled step, or in
# a training that starts anew.
Effect = Literal["now", "kept", "anew"]
ACTIVATIONS = ("relu", "tanh", "arctan", "logistic", "elu", "softplus")
OPTIMIZERS = ("adam", "sgd", "rmsprop", "adadelta")


def _setting(
    default: Any,
    effect: Effect,
    label: str,
    *,
    choices: Sequence[str] = (),
    least: float | None = None,
    most: float | None = None,
    suggestions: Sequence[str] = (),
    help: str = "",
) -> Any:
    metadata = {
        "label": label,
        "effect": effect,
        "choices": list(choices),
        "least": least,
        "most": most,
        "suggestions": list(suggestions),
        "help": help,
    }
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the training of the playground uses; see the labels."""

    env: str = _setting(
        "CartPole-v1",
        "anew",
        "Environment",
        suggestions=sorted(envs.registry),
        help="Any registered gymnasium id.",
    )
    batch_size: int = _setting(
        32, "kept", "Episodes K", least=2, most=512,
        help="Episodes per iteration.",
    )  # fmt: skip
    max_episode_steps: int = _setting(
        1000, "kept", "Step limit", least=1, most=10_000,
        help="Longest episode; the environment's own limit may be shorter.",
    )  # fmt: skip
    elite_quantile: float = _setting(
        0.7, "now", "Quantile q", least=0.01, most=0.99,
        help="Episodes above the q-quantile of the returns are elite.",
    )  # fmt: skip
    ties: str = _setting(
        OPTIONS["ties"].default, "now", "Ties", choices=elites.TIES,
        help="Whether returns equal to the threshold are elite.",
    )  # fmt: skip
    elite_unit: str = _setting(
        OPTIONS["elite_unit"].default, "anew", "Elite unit",
        choices=elite_steps.UNITS,
        help="Whole episodes, or single steps ranked by their advantages.",
    )  # fmt: skip
    epsilon: float = _setting(
        1.0, "now", "First epsilon", least=0.0, most=1.0,
        help="Exploration in the first iteration.",
    )  # fmt: skip
    epsilon_schedule: str = _setting(
        "harmonic", "now", "Its schedule", choices=EPSILON_SCHEDULES,
        help="Harmonic is 1/n, as in the lecture.",
    )  # fmt: skip
    epsilon_steps: int = _setting(
        50, "now", "Its iterations", least=1, most=10_000,
        help="Length of the schedules that are not harmonic or constant.",
    )  # fmt: skip
    learning_rate: float = _setting(
        0.01, "now", "Learning rate", least=0.0, most=10.0,
        help="Step size of the optimizer.",
    )  # fmt: skip
    gradient_steps: int = _setting(
        10, "kept", "Gradient steps", least=1, most=200,
        help="Optimizer steps per iteration; 1 in the lecture.",
    )  # fmt: skip
    optimizer: str = _setting("adam", "anew", "Optimizer", choices=OPTIMIZERS)
    layers: int = _setting(1, "anew", "Hidden layers", least=0, most=6)
    units: int = _setting(16, "anew", "Units per layer", least=1, most=256)
    activation: str = _setting(
        "tanh", "anew", "Activation", choices=ACTIVATIONS
    )
    seed: int = _setting(0, "anew", "Seed", least=0, most=2**32 - 1)

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            _check(field, getattr(self, field.name))

    @property
    def hidden_units(self) -> tuple[int, ...]:
        """Units of each hidden layer."""
        return (self.units,) * self.layers

    def changed(self, name: str, value: object) -> "Settings":
        """Returns the settings with one changed.

        Args:
            name: Name of a setting.
            value: Its value as JSON has it. Nothing is evaluated.

        Raises:
            ValueError: If there is no such setting, or the value is invalid.
        """
        fields = {field.name: field for field in dataclasses.fields(self)}
        if name not in fields:
            raise ValueError(f"There is no setting {name!r}.")
        if fields[name].type is float and checks.is_integer(value):
            value = float(value)
        if name == "env" and value != self.env:
            check_env(value)
        changes: dict[str, Any] = {name: value}
        return dataclasses.replace(self, **changes)

    def effect_of(self, other: "Settings") -> Effect | None:
        """Returns what a change to other settings takes, None for nothing."""
        found: set[Effect] = {
            field.metadata["effect"]
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != getattr(other, field.name)
        }
        effects: tuple[Effect, ...] = ("anew", "kept", "now")
        return next((each for each in effects if each in found), None)


def check_env(env: object) -> None:
    """Refuses what is not the id of a registered environment.

    Ids that name a module, `module:Id`, are refused, because gymnasium would
    import the module.

    Args:
        env: What was typed.

    Raises:
        ValueError: If it is none.
    """
    if not isinstance(env, str) or not env or len(env) > 100:
        raise ValueError(f"Environment must be an id. Received: {env!r:.100}")
    if ":" in env:
        raise ValueError(
            "The page imports no module. Start the playground with "
            f"--env={env} instead."
        )
    try:
        gymnasium.spec(env)
    except gymnasium.error.Error as error:
        raise ValueError(
            f"There is no environment {env!r}. {error}{gymnasium_ids.cure(env)}"
        ) from error


def described() -> list[dict[str, Any]]:
    """Returns the settings with labels and bounds, for the page."""
    return [
        {
            "name": field.name,
            "kind": getattr(field.type, "__name__", str(field.type)),
            **field.metadata,
        }
        for field in dataclasses.fields(Settings)
    ]


def _check(field: "dataclasses.Field[Any]", value: Any) -> None:
    label, choices = field.metadata["label"], field.metadata["choices"]
    if choices and value not in choices:
        raise ValueError(
            f"{label} must be one of {', '.join(choices)}. Received: "
            f"{value!r:.100}"
        )
    if field.type is str:
        return
    least, most = field.metadata["least"], field.metadata["most"]
    of_kind = checks.is_integer(value) or (
        field.type is float and isinstance(value, float)
    )
    # NaN is in no range.
    if not of_kind or not least <= value <= most:
        kind = "an integer" if field.type is int else "a number"
        raise ValueError(
            f"{label} must be {kind} from {least:,} to {most:,}. Received: "
            f"{value!r:.100}"
        )
