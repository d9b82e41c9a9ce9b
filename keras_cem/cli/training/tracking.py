"""What `keras-cem train --track` stores in experiment trackers.

A tracker stores a run's settings, its History over environment steps, its
pictures and film, and its files.
"""

import contextlib
import pathlib
import re
import secrets
from collections.abc import Iterator, Sequence
from typing import Any

from keras_cem.cli.run.folder import RunFolder, write_json
from keras_cem.cli.training.trackers import (
    TRACKERS,
    Tracker,
    group_of,
    keys_of,
)


@contextlib.contextmanager
def opened(
    names: Sequence[str], folder: RunFolder, config: dict[str, Any]
) -> Iterator[list[Tracker]]:
    """Opens trackers, and closes them at the end.

    A resumed run goes on in the same run of each tracker: tracking.json holds
    its key.

    Args:
        names: Values of --track.
        folder: The run.
        config: The content of config.json.

    Raises:
        RuntimeError: If a tracker fails, such as for want of a login.
    """
    keys = keys_of(folder)
    new = f"{_name(folder)}-{secrets.token_hex(4)}"
    trackers: list[Tracker] = []
    failed = True
    try:
        for name in names:
            with _naming(name):
                tracker = TRACKERS[name](keys.get(name, new), folder, config)
            trackers.append(tracker)
            if tracker.key:
                keys[name] = tracker.key
                write_json(folder.tracking, keys)
        yield trackers
        failed = False
    finally:
        for tracker in reversed(trackers):
            tracker.close(failed=failed)


def finish(
    trackers: Sequence[Tracker],
    folder: RunFolder,
    results: dict[str, Any],
    pictures: Sequence[pathlib.Path],
) -> None:
    """Stores in each tracker what a run has at its end.

    Args:
        trackers: The trackers.
        folder: The run.
        results: The content of results.json.
        pictures: PNG files.
    """
    names = ("episode_return_mean", "episode_return_std", "env_steps")
    for tracker in trackers:
        tracker.finish(
            folder, {name: float(results[name]) for name in names}, pictures
        )


@contextlib.contextmanager
def _naming(tracker: str) -> Iterator[None]:
    """Names the tracker in its errors, which may be of any type."""
    try:
        yield
    except Exception as error:
        raise RuntimeError(
            f"--track={tracker} failed with {type(error).__name__}: {error}"
        ) from error


def _name(folder: RunFolder) -> str:
    """Returns the name of a run; only characters that every tracker takes."""
    path = folder.path.resolve()
    group = group_of(folder)
    name = f"{group}-{path.name}" if group else path.name
    return re.sub(r"[^A-Za-z0-9.-]+", "-", name)[:100]
