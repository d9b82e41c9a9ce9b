"""Repositories of runs on the Hugging Face Hub."""

import contextlib
import pathlib
from collections.abc import Iterator
from typing import Any

from keras_cem.cli.console import CommandError
from keras_cem.cli.hub import model_card
from keras_cem.cli.run.folder import RunFolder
from keras_cem.utils import extras

# Bytes; 2**28 weights of 4 bytes, and what an optimizer keeps of them.
_MAX_SIZES = {"agent.keras": 2**32, "config.json": 2**20}


def push(folder: RunFolder, repo: str, card: str, *, private: bool) -> str:
    """Uploads a run in one commit.

    Args:
        folder: The run.
        repo: Name of the repository, `user/name`. It is made if needed.
        card: The model card.
        private: Whether a new repository is private.

    Returns:
        Address of the repository.
    """
    extras.require("hub", "`push` needs")
    import huggingface_hub

    api = huggingface_hub.HfApi(library_name="keras_cem")
    files = {
        path.name: path
        for path in (
            folder.agent,
            folder.config,
            folder.results,
            folder.history,
            folder.stages,
            folder.learning_curve,
            folder.returns,
            folder.policy_map,
            folder.report,
        )
    } | {model_card.FILM: folder.mp4}
    add = huggingface_hub.CommitOperationAdd
    content = [add(model_card.FILE, card.encode())]
    content += [
        add(name, str(path)) for name, path in files.items() if path.is_file()
    ]
    with _reached(api.endpoint):
        url = api.create_repo(repo, private=private, exist_ok=True)
        api.create_commit(
            repo, content, commit_message="Upload a run of keras_cem"
        )
    return str(url)


def pull(repo: str, directory: str) -> RunFolder:
    """Downloads agent and settings of a run; nothing else.

    Args:
        repo: Name of the repository, `user/name` or `user/name@revision`.
        directory: Empty folder to write to.

    Returns:
        The folder, which is as untrusted as the repository.

    Raises:
        CommandError: If a file is too large.
    """
    extras.require("hub", "--hub needs")
    import huggingface_hub
    from huggingface_hub import constants

    name, _, revision = repo.partition("@")
    if not all(name.partition("/")):
        raise CommandError(
            "--hub must name a repository: user/name, or user/name@revision. "
            f"Received: --hub={repo}"
        )
    given: dict[str, Any] = {"revision": revision or None}
    with _reached(constants.ENDPOINT):
        for file, size in _MAX_SIZES.items():
            about = huggingface_hub.get_hf_file_metadata(
                huggingface_hub.hf_hub_url(name, file, **given)
            )
            if about.size is None or about.size > size:
                raise CommandError(
                    f"{file} of {repo} must have at most {size:,} bytes. "
                    f"Received: {about.size} bytes"
                )
            # Both files of one commit, also if another is pushed meanwhile.
            given["revision"] = about.commit_hash
            huggingface_hub.hf_hub_download(
                name, file, local_dir=directory, **given
            )
    return RunFolder(pathlib.Path(directory))


@contextlib.contextmanager
def _reached(endpoint: str) -> Iterator[None]:
    """Turns errors of the network, of other packages, into `RuntimeError`."""
    try:
        yield
    # The Hub's own errors are OSError or ValueError and say what to do.
    except (CommandError, OSError, ValueError):
        raise
    except Exception as error:
        raise RuntimeError(
            f"{endpoint} could not be reached. It raised "
            f"{type(error).__name__}: {error}"
        ) from error
