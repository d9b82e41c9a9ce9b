"""Recorded episodes: lists, Minari datasets and their ids."""

from typing import Any

from keras_cem import spaces
from keras_cem.engines.playing import Options
from keras_cem.engines.recorded.source import (
    MINARI_PREFIX,
    RecordedSource,
    is_minari_dataset,
    is_recorded,
)


def accepts(env: Any, options: Options) -> bool:
    """Whether this module takes `env`."""
    del options
    return _is_list(env) or _is_dataset(env)


def open_source(env: Any, options: Options) -> RecordedSource:
    """Returns the episodes of a list or a dataset."""
    del options
    return _open_dataset(env) if _is_dataset(env) else _open_list(env)


def _is_list(env: Any) -> bool:
    """Whether `env` is a list of episodes."""
    return isinstance(env, (list, tuple)) and is_recorded(env)


def _open_list(env: Any) -> RecordedSource:
    """Returns the episodes of a list, which has no spaces."""
    return RecordedSource(f"a {type(env).__name__} of episodes", env, len(env))


def _is_dataset(env: Any) -> bool:
    """Whether `env` is a Minari dataset or its id."""
    if isinstance(env, str):
        return env.startswith(MINARI_PREFIX)
    return is_minari_dataset(env)


def _open_dataset(env: Any) -> RecordedSource:
    """Returns the episodes of a dataset."""
    dataset = load(env) if isinstance(env, str) else env
    return RecordedSource(
        f"{MINARI_PREFIX}{dataset.spec.dataset_id}",
        dataset,
        int(dataset.total_episodes),
        spaces.get(dataset.observation_space, "observation_space"),
        spaces.get(dataset.action_space, "action_space"),
    )


def load(env: str) -> Any:
    """Loads the local dataset `minari:ID`; downloads nothing.

    Args:
        env: `minari:` and the id of the dataset.

    Raises:
        ImportError: If Minari is not installed.
        ValueError: If there is no such dataset on this machine.
    """
    try:
        import minari
    except ImportError as error:
        raise ImportError(
            f"`fit` on {env!r} needs minari. Install it with "
            "`pip install 'keras-cem[minari]'`."
        ) from error
    dataset_id = env.removeprefix(MINARI_PREFIX)
    try:
        return minari.load_dataset(dataset_id)
    except (FileNotFoundError, ValueError) as error:
        raise ValueError(
            "`x` must be `minari:` followed by the id of a Minari dataset on "
            f"this machine. Received: x={env!r}. {error} Download it with "
            f"`minari download {dataset_id}`."
        ) from error
