"""Putting something new in the place of something old, or nothing at all."""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields where to write what shall stand at `path`.

    It is put there once the block has ended well. Otherwise what was at `path`
    stays. If `path` is a symbolic link, the link is replaced, not what it
    points to.

    Args:
        path: A file or folder, which need not exist.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=f".{path.name}.", dir=path.parent
    ) as scratch:
        new = pathlib.Path(scratch, path.name)
        yield new
        if new.is_file():
            os.replace(new, path)
            return
        # No folder can be renamed to one that holds something.
        old = pathlib.Path(scratch, "old")
        is_there = os.path.lexists(path)
        if is_there:
            os.rename(path, old)
        try:
            os.rename(new, path)
        except OSError:
            if is_there:
                os.rename(old, path)
            raise
