"""Settings of earlier versions, in presets and in config.json of runs.

Up to version 0.1, some keys of --network, --agent_kwargs and --fit_kwargs were
separate flags. Other flags of that time no longer exist.
"""

from collections.abc import Mapping
from typing import Any

# Old flag: the flag that holds it now, and its old default.
FOLDED: dict[str, tuple[str, Any]] = {
    "action_scale": ("agent_kwargs", None),
    "batch_normalization": ("network", False),
    "correlation": ("agent_kwargs", None),
    "dropout": ("network", 0.0),
    "elite_memory": ("agent_kwargs", None),
    "elite_memory_age": ("agent_kwargs", None),
    "embedding": ("network", None),
    "entropy_coefficient": ("agent_kwargs", 0.0),
    "episodes_per_policy": ("agent_kwargs", None),
    "episodes_per_start": ("agent_kwargs", None),
    "image": ("network", None),
    "imitate": ("agent_kwargs", "played"),
    "jit_compile": ("fit_kwargs", None),
    "kernel_initializer": ("network", "glorot_uniform"),
    "l1": ("network", 0.0),
    "l2": ("network", 0.0),
    "loss": ("fit_kwargs", None),
    "loss_normalization": ("agent_kwargs", "trajectory"),
    "max_env_restarts": ("fit_kwargs", None),
    "noise": ("agent_kwargs", "gaussian"),
    "on_nonfinite": ("agent_kwargs", "raise"),
    "persistence": ("agent_kwargs", 1),
    "step_timeout": ("fit_kwargs", None),
    "ties": ("agent_kwargs", "auto"),
}
# Old switch, off by default: the flag and the value that stand for it.
SWITCHES: dict[str, tuple[str, str]] = {
    "tensorboard": ("track", "tensorboard"),
}
# Old flag: its default, which had no effect.
TAKEN_OUT: dict[str, Any] = {
    "confirm_best": False,
    "discount_steps": None,
    "elite_quantile_steps": None,
    "ema_momentum": None,
    "epochs_per_initial_policy": None,
    "initial_policies": 1,
    "last_elite_quantile": None,
    "last_min_reward": None,
    "max_reward": None,
    "min_reward": None,
    "min_reward_doubling_steps": None,
    "segment_doubling_steps": None,
    "segment_steps": None,
}
# Old flag without effect on training: what to do now.
IGNORED = {"report": "Leave it out: report.html is always written."}


def translated(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns settings under the names of this version.

    Removed flags are dropped if they had no effect on training.

    Args:
        settings: Values by name of flag, of this or an earlier version.

    Raises:
        ValueError: If a setting is given under both its old and its new name.
    """
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if name in FOLDED or name in IGNORED or name in SWITCHES:
            continue
        if TAKEN_OUT.get(name, ...) == value:
            continue
        found[name] = dict(value) if isinstance(value, dict) else value
    for name in [name for name in settings if name in FOLDED]:
        flag, default = FOLDED[name]
        value = settings[name]
        if value == default:
            continue
        arguments = found.setdefault(flag, {})
        if not isinstance(arguments, dict) or name in arguments:
            raise ValueError(
                f"`{name}` must be given as a key of `{flag}` only. "
                f"Received: {name}={value!r} and {flag}={arguments!r}"
            )
        arguments[name] = value
    for name in SWITCHES.keys() & settings.keys():
        flag, value = SWITCHES[name]
        if flag in found:
            raise ValueError(
                f"`{name}` must be given as a value of `{flag}` only. "
                f"Received: {name}={settings[name]!r} and "
                f"{flag}={found[flag]!r}"
            )
        if settings[name]:
            found[flag] = [value]
    return found


def refuse_taken_out(settings: Mapping[str, Any], source: str) -> None:
    """Refuses settings that this version cannot follow.

    Args:
        settings: As `translated` returns them.
        source: File of the settings, for the error message.

    Raises:
        ValueError: If there is such a setting; the message shows its name and
            value.
    """
    for name in sorted(settings.keys() & TAKEN_OUT.keys()):
        raise ValueError(
            f"`{name}` was removed from keras_cem. Received: "
            f"{name}={settings[name]!r} in {source}. Delete it there to "
            "continue without it."
        )


def about(name: str) -> str:
    """Returns an error message for a flag that no longer exists.

    Args:
        name: Name of the flag, which may start with `no`.

    Returns:
        The message; empty if there never was such a flag.
    """
    for known in (name, name.removeprefix("no")):
        if known in FOLDED:
            flag, _ = FOLDED[known]
            return (
                f"--{known} is no longer a flag. Use "
                f"--{flag}='{{\"{known}\": ...}}' instead."
            )
        if known in SWITCHES:
            flag, value = SWITCHES[known]
            return (
                f"--{known} is no longer a flag. Use --{flag}={value} instead."
            )
        if known in TAKEN_OUT or known in IGNORED:
            cure = IGNORED.get(known, "Leave it out.")
            return f"--{known} was removed from keras_cem. {cure}"
    return ""
