"""The environment of a run: an id with its arguments and wrappers."""

import dataclasses
import functools
import importlib
import json
import re
from collections.abc import Mapping
from typing import Any

import gymnasium

from keras_cem.adapters import gymnasium_ids
from keras_cem.cli.console import CommandError
from keras_cem.utils.closing import close_env

_WRAPPER = re.compile(r"([\w.]+):(\w+)\s*(\{.*\})?\s*", re.DOTALL)
# Modules whose wrappers a run folder may name without being trusted, because
# no argument of theirs is a path.
_HARMLESS = ("gymnasium.wrappers", "minigrid.wrappers")
_WRITES = ("RecordVideo",)


@dataclasses.dataclass(frozen=True)
class Wrapper:
    """A wrapper, as --wrapper names it.

    Attributes:
        module: Module of the class.
        name: Name of the class.
        arguments: Arguments of the class besides the environment.
    """

    module: str
    name: str
    arguments: Mapping[str, Any]

    @classmethod
    def parse(cls, text: str) -> "Wrapper":
        """Returns the wrapper of `module:Class`, with a JSON object or not.

        Args:
            text: Such as `gymnasium.wrappers:ClipReward {"min_reward": -1}`.

        Raises:
            CommandError: If the text is none.
        """
        match = _WRAPPER.fullmatch(text)
        try:
            if match is None:
                raise ValueError("It has no module:Class.")
            arguments = json.loads(match[3] or "{}")
        except (ValueError, RecursionError) as error:
            raise CommandError(
                "--wrapper must be module:Class, with arguments as a JSON "
                "object behind it, as in 'gymnasium.wrappers:ClipReward "
                f'{{"min_reward": -1}}\'. Received: {text[:80]!r}. '
                f"{str(error)[:120]}"
            ) from error
        return cls(match[1], match[2], arguments)

    @property
    def is_harmless(self) -> bool:
        """Whether a run folder that is not trusted may name it."""
        return self.module in _HARMLESS and self.name not in _WRITES

    def around(self, env: gymnasium.Env) -> gymnasium.Env:
        """Returns the environment, wrapped.

        Raises:
            ImportError: If the module cannot be imported.
            ValueError: If it has no such wrapper, or the wrapper refuses its
                arguments.
        """
        try:
            module = importlib.import_module(self.module)
        except ImportError as error:
            raise ImportError(
                "`--wrapper` must name a module that can be imported. "
                f"Received: {self.module}:{self.name}. {error}"
                f"{gymnasium_ids.cure(self.module)}"
            ) from error
        found = getattr(module, self.name, None)
        if not (
            isinstance(found, type) and issubclass(found, gymnasium.Wrapper)
        ):
            raise ValueError(
                "`--wrapper` must name a subclass of gymnasium.Wrapper. "
                f"Received: {self.module}:{self.name}"
            )
        try:
            return found(env, **self.arguments)
        except Exception as error:
            raise ValueError(
                f"`--wrapper` must fit {env}. Received: {self.module}:"
                f"{self.name} {json.dumps(dict(self.arguments))}. It raised "
                f"{type(error).__name__}: {error}"
            ) from error


@dataclasses.dataclass(frozen=True)
class Environment:
    """A callable that makes an environment.

    Attributes:
        id: Id of the environment.
        kwargs: Arguments of `gymnasium.make`.
        wrappers: Wrappers, the innermost first.
    """

    id: str
    kwargs: Mapping[str, Any]
    wrappers: tuple[Wrapper, ...]

    def __repr__(self) -> str:
        """Returns the id and the names of the wrappers, for messages."""
        names = "".join(f" in {each.name}" for each in self.wrappers)
        return f"{self.id}{names}"

    def __call__(self, **more: Any) -> gymnasium.Env:
        """Makes the environment.

        Args:
            **more: More arguments of `gymnasium.make`.
        """
        env = gymnasium_ids.make_env(self.id, **{**self.kwargs, **more})
        try:
            for wrapper in self.wrappers:
                env = wrapper.around(env)
        except Exception:
            close_env(env)
            raise
        return env


# What `fit`, `evaluate` and `collect` take.
Playable = str | Environment


def of(
    settings: Mapping[str, Any],
    env: str | None = None,
    *,
    training: bool = False,
) -> Playable:
    """Returns the environment of flags, or of the flags in config.json.

    Args:
        settings: Values of flags by name.
        env: Id of another environment. Defaults to `None`: that of `settings`.
        training: Whether it is for training, with --train_wrapper. Defaults to
            `False`.

    Returns:
        The id itself if there is nothing else. Only an id can be played in the
        graph.
    """
    texts = list(settings.get("wrapper") or ())
    if training:
        texts += settings.get("train_wrapper") or ()
    other = env is not None and env != settings["env"]
    made = Environment(
        env or settings["env"],
        {} if other else settings.get("env_kwargs") or {},
        tuple(map(Wrapper.parse, texts)),
    )
    return made if made.kwargs or made.wrappers else made.id


def for_film(playable: Playable) -> Any:
    """Returns an environment for `recording.record`, which renders frames."""
    if isinstance(playable, str):
        return playable
    return functools.partial(playable, render_mode="rgb_array")


def check_trust(
    settings: Mapping[str, Any], env: str | None, given: list[str] | None
) -> None:
    """Refuses to make an environment of a run folder that may do harm.

    Args:
        settings: Flags in config.json.
        env: Value of --env on the command line.
        given: Value of --wrapper on the command line.

    Raises:
        CommandError: If the settings name a wrapper whose code would run and
            that was not given, or a path.
    """
    texts = [
        *(settings.get("wrapper") or ()),
        *(settings.get("train_wrapper") or ()),
    ]
    unknown = [
        text
        for text in texts
        if text not in (given or ()) and not Wrapper.parse(text).is_harmless
    ]
    if unknown:
        flags = " ".join(f"--wrapper='{text}'" for text in texts)
        raise CommandError(
            "--wrapper must be given, because the run's wrappers name modules "
            f"whose code would run. Received: {', '.join(unknown)} in "
            f"config.json. If you trust them, give {flags}"
        )
    paths = [
        value
        for value in (settings.get("env_kwargs") or {}).values()
        if isinstance(value, str) and re.search(r"[/\\]", value)
    ]
    if paths and env is None:
        raise CommandError(
            "--env must be given, because an argument of the run's environment "
            f"is a path. Received: {paths[0]!r} in config.json. If you trust "
            f"it, give --env={settings['env']}"
        )
