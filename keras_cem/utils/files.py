"""Files that are whole or not there, whenever the process is killed."""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Lets an error of writing say which file it was about.

    The operating system tells of a full disk without naming a file.

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
    """Removes a last line that has no end, as a full disk or a kill leaves it.

    To be called before anything is appended, which would join that line.

    Args:
        path: A text file; it need not be there.
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
    """Yields where to write what then takes the place of a file.

    The file that was there stays until the new one is whole and on the disk,
    and stays for good if writing fails.

    Args:
        path: The file to replace; it need not be there.
    """
    # What a link points to is replaced, not the link.
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
    """Yields where to make what then takes the place of a folder.

    The folder that was there stays until the new one is whole, and stays for
    good if making it fails. As no folder can be renamed to one that holds
    something, there is none at all between two renames.

    Args:
        path: The folder to replace; it need not be there. If it is a link, the
            link is replaced, and not what it points to.
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
    """Waits until a file, or the entries of a folder, are on the disk."""
    if os.path.isdir(path):
        if os.name == "nt":
            # Windows cannot open folders, and writes their entries through.
            return
        mode = os.O_RDONLY
    else:
        mode = os.O_RDWR
    descriptor = os.open(path, mode)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
