"""`keras-cem list`."""

import dataclasses
import json

import gymnasium
from absl import flags

from keras_cem.cli import presets
from keras_cem.cli.flags.list_flags import define_flags as define_flags
from keras_cem.utils import extras
from keras_cem.utils.references import REFERENCES, is_reference

_HEAD = ("id", "engines", "preset", "threshold", "measured", "missing")


@dataclasses.dataclass(frozen=True)
class Listed:
    """An environment in the list.

    Attributes:
        id: Id in gymnasium.
        engines: Engines that can play the environment.
        preset: Whether there is a preset for the environment.
        reward_threshold: The return that gymnasium calls solved, if any.
        measured: Measured results of the preset, if any.
        missing_extra: The missing extra of keras-cem that the environment
            needs, if any.
    """

    id: str
    engines: tuple[str, ...]
    preset: bool
    reward_threshold: float | None
    measured: presets.Measured | None
    missing_extra: str | None


def run(values: flags.FlagValues) -> None:
    """Prints the list."""
    listed = environments()
    if values.json:
        print(json.dumps([dataclasses.asdict(each) for each in listed]))
        return
    rows = [_HEAD, *map(_row, listed)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (c.ljust(w) for c, w in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def environments() -> list[Listed]:
    """Returns the list of environments, in the order of their ids.

    This makes no environment and imports no package of an extra. Ids that the
    installed gymnasium does not have are left out.
    """
    measured = presets.measured()
    with_preset = set(presets.names())
    return [
        Listed(
            id=env,
            engines=(
                ("graph", "host")
                if is_reference(env, gymnasium.spec(env))
                else ("host",)
            ),
            preset=env in with_preset,
            reward_threshold=gymnasium.spec(env).reward_threshold,
            measured=measured.get(env),
            missing_extra=_missing_extra(gymnasium.spec(env)),
        )
        for env in sorted(with_preset | REFERENCES.keys())
        if env in gymnasium.registry
    ]


def _missing_extra(spec: gymnasium.envs.registration.EnvSpec) -> str | None:
    """Returns the missing extra, named after the environment's package."""
    module = str(spec.entry_point).partition(":")[0].split(".")
    for extra in ("box2d", "mujoco"):
        if extra in module and extras.missing(extra):
            return extra
    return None


def _row(listed: Listed) -> tuple[str, ...]:
    measured, extra = listed.measured, listed.missing_extra
    return (
        listed.id,
        ", ".join(listed.engines),
        "yes" if listed.preset else "",
        ""
        if listed.reward_threshold is None
        else f"{listed.reward_threshold:g}",
        ""
        if measured is None
        else f"{measured.episode_return:.4g} ({measured.seeds} seeds of "
        f"{measured.episodes:,} episodes)",
        "" if extra is None else f"pip install 'keras-cem[{extra}]'",
    )
