"""Writes files that are complete or absent, even if the process is killed."""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Adds the name of a file to errors of writing it.

    The error of the operating system for a full disk names no file.

    Args:
        path: The file that is written in this context.
    """
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = os.fspath(path)
        raise


def drop_unfinished_line(path: str | os.PathLike[str]) -> None:
    """Removes an incomplete last line, left by a full disk or a kill.

    Call it before appending to the file; otherwise new text joins that line.

    Args:
        path: A text file; it need not exist.
    """
    with contextlib.suppress(FileNotFoundError), open(path, "r+b") as file:
        kept = end = file.seek(0, os.SEEK_END)
        while kept:
            begin = max(0, kept - 2**16)
            file.seek(begin)
            found = file.read(kept - begin).rfind(b"\n")
            kept = begin + found + 1 if found >= 0 else begin
            if found >= 0:
                break
        if kept < end:
            file.truncate(kept)


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    """Yields a temporary path, and replaces a file by it at the end.

    The old file stays until the new one is complete and on the disk. If writing
    fails, the old file stays.

    Args:
        path: The file to replace; it need not exist.
    """
    # Replace the target of a link, not the link.
    target = pathlib.Path(os.path.realpath(path))
    partial = target.with_name(f".partial-{target.name}")
    try:
        with naming(target):
            yield partial
            sync(partial)
            os.replace(partial, target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync(target.parent)


@contextlib.contextmanager
def replacing_folder(
    path: str | os.PathLike[str],
) -> Iterator[pathlib.Path]:
    """Yields a temporary folder, and replaces a folder by it at the end.

    The old folder stays until the new one is complete. If filling the new one
    fails, the old folder stays. A rename cannot overwrite a folder with
    content, so no folder exists between the two renames.

    Args:
        path: The folder to replace; it need not exist. If it is a link, the
            link is replaced, not its target.
    """
    path = pathlib.Path(path)
    with tempfile.TemporaryDirectory(
        prefix=f".partial-{path.name}-", dir=path.parent
    ) as scratch:
        new, old = pathlib.Path(scratch, path.name), pathlib.Path(scratch, "-")
        yield new
        is_there = os.path.lexists(path)
        if is_there:
            os.rename(path, old)
        try:
            os.rename(new, path)
        except BaseException:
            if is_there:
                os.rename(old, path)
            raise


def sync(path: str | os.PathLike[str]) -> None:
    """Waits until a file, or the entry list of a folder, is on the disk."""
    if os.path.isdir(path):
        if os.name == "nt":
            # Windows cannot open folders; it writes their entries immediately.
            return
        mode = os.O_RDONLY
    else:
        mode = os.O_RDWR
    descriptor = os.open(path, mode)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
