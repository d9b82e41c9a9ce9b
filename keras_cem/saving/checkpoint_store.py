"""A folder of checkpoints; incomplete or damaged ones are skipped."""

import hashlib
import json
import os
import pathlib
import shutil
import warnings
from collections.abc import Callable
from typing import Any

from keras_cem.utils import files
from keras_cem.version import __version__

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
_PREFIX, _PARTIAL = "epoch-", ".partial-"


class CheckpointStore:
    """Writes checkpoints that stay complete if the process is killed.

    Each checkpoint is a folder such as `epoch-000012`, named by the number of
    epochs done. It is written under a temporary name, with the manifest last,
    and renamed when all files are on the disk. The manifest holds the size and
    SHA-256 of each file, which reveal later damage.

    Only one process at a time may write to a store.

    Args:
        directory: Folder for the checkpoints.
        keep: Number of newest checkpoints to keep. Defaults to `3`.
    """

    def __init__(self, directory: str | os.PathLike[str], keep: int = 3):
        self.directory = pathlib.Path(directory).resolve()
        self.keep = keep

    def write(
        self, epochs: int, fill: Callable[[pathlib.Path], None]
    ) -> pathlib.Path:
        """Writes a checkpoint, then removes old checkpoints.

        Also removes checkpoints of later epochs. They are broken: otherwise
        training would have resumed from them.

        Args:
            epochs: Number of epochs done.
            fill: Function that writes the files into a given folder.

        Returns:
            Folder of the checkpoint.

        Raises:
            RuntimeError: If the checkpoint cannot be written. Its files are
                removed, and earlier checkpoints stay unchanged.
        """
        path = self.directory / f"{_PREFIX}{epochs:06d}"
        partial = self.directory / f"{_PARTIAL}{path.name}"
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._remove_partial()
            partial.mkdir()
            fill(partial)
            _seal(partial)
            if path.exists():
                _remove(path)
            os.rename(partial, path)
            files.sync(self.directory)
        except BaseException as error:
            shutil.rmtree(partial, ignore_errors=True)
            # h5py sometimes raises a RuntimeError if the disk is full.
            if not isinstance(error, (OSError, RuntimeError)):
                raise
            raise RuntimeError(self._failure(path, error)) from error
        for number, other in self._all():
            if number > epochs:
                _remove(other)
        for _, other in self._all()[: -self.keep]:
            _remove(other)
        return path

    def newest(self) -> pathlib.Path | None:
        """Returns the newest complete checkpoint, None if there is none.

        Warns about each broken checkpoint that is skipped.

        Raises:
            ValueError: If all checkpoints are broken, or one was written by a
                later version.
        """
        faults: list[str] = []
        for _, path in reversed(self._all()):
            fault = _fault(path)
            if fault is None:
                if faults:
                    warnings.warn(
                        f"Skipped damaged checkpoints in {self.directory} "
                        f"and used {path.name}: {'; '.join(faults)}.",
                        stacklevel=2,
                    )
                return path
            faults.append(f"{path.name}, where {fault}")
        if faults:
            raise ValueError(
                f"All checkpoints in {self.directory} are damaged: "
                f"{'; '.join(faults)}."
            )
        return None

    def is_empty(self) -> bool:
        """Whether there is no checkpoint, complete or broken."""
        return not self._all()

    def clear(self) -> None:
        """Removes all checkpoints, and the folder if it is then empty."""
        for _, path in self._all():
            _remove(path)
        self._remove_partial()
        if self.directory.is_dir() and not any(self.directory.iterdir()):
            self.directory.rmdir()

    def _remove_partial(self) -> None:
        for path in self.directory.glob(f"{_PARTIAL}*"):
            shutil.rmtree(path)

    def _all(self) -> list[tuple[int, pathlib.Path]]:
        """Returns epochs done and folder of each checkpoint, oldest first."""
        numbered = []
        for path in self.directory.glob(f"{_PREFIX}*"):
            number = path.name.removeprefix(_PREFIX)
            if number.isdecimal():
                numbered.append((int(number), path))
        return sorted(numbered)

    def _failure(self, path: pathlib.Path, error: Exception) -> str:
        others = [other.name for _, other in self._all()]
        before = (
            f"The previous checkpoint, {others[-1]}, is complete"
            if others
            else "There is no previous checkpoint"
        )
        return (
            f"The checkpoint {path} could not be written: {error}. {before}. "
            "Free disk space or repair the disk, then resume."
        )


def _seal(folder: pathlib.Path) -> None:
    """Writes the manifest after all other files are on the disk."""
    entries = {}
    for path in sorted(folder.iterdir()):
        files.sync(path)
        entries[path.name] = {
            "size": path.stat().st_size,
            "sha256": _digest(path),
        }
    manifest = {
        "format_version": FORMAT_VERSION,
        "keras_cem_version": __version__,
        "files": entries,
    }
    path = folder / MANIFEST
    path.write_text(json.dumps(manifest, indent=2) + "\n")
    files.sync(path)
    files.sync(folder)


def _fault(folder: pathlib.Path) -> str | None:
    """Returns the fault of a checkpoint; None if it is complete."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        version, entries = manifest["format_version"], manifest["files"]
        written_by = manifest["keras_cem_version"]
    except OSError as error:
        return f"{MANIFEST} cannot be read ({error.strerror})"
    except (ValueError, KeyError, TypeError) as error:
        return f"{MANIFEST} is damaged ({error!r})"
    if version != FORMAT_VERSION:
        raise ValueError(
            f"The checkpoint {folder} must have format version "
            f"{FORMAT_VERSION}, which keras_cem {__version__} reads. "
            f"Received: format version {version!r}, written by keras_cem "
            f"{written_by}. Install that version."
        )
    for name, entry in entries.items():
        fault = _fault_of_file(folder, name, entry)
        if fault is not None:
            return f"{name} {fault}"
    return None


def _fault_of_file(
    folder: pathlib.Path, name: str, entry: dict[str, Any]
) -> str | None:
    path = folder / name
    if path.name != name or not path.is_file():
        return "is missing"
    size = path.stat().st_size
    if size != entry["size"]:
        return f"has {size} bytes, not {entry['size']}"
    if _digest(path) != entry["sha256"]:
        return "has a wrong checksum"
    return None


def _digest(path: pathlib.Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove(path: pathlib.Path) -> None:
    """Removes a checkpoint; renames it first, so no part keeps its name."""
    doomed = path.with_name(f"{_PARTIAL}{path.name}-removed")
    os.rename(path, doomed)
    shutil.rmtree(doomed)
