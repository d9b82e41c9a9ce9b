"""Lists of recorded episodes."""

from typing import Any

from keras_cem.engines.recorded.source import RecordedSource, is_recorded
from keras_cem.engines.sources import Options


def accepts(env: Any, options: Options) -> bool:
    """Whether this module takes `env`."""
    del options
    return isinstance(env, (list, tuple)) and is_recorded(env)


def open_source(env: Any, options: Options) -> RecordedSource:
    """Returns the episodes of a list, which says nothing of their spaces."""
    del options
    return RecordedSource(f"a {type(env).__name__} of episodes", env, len(env))
