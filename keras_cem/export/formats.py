"""The export formats and their checks before writing."""

import dataclasses
import importlib
import importlib.util
import os
import pathlib
from typing import Any

from keras_cem.export.endpoints import Endpoints
from keras_cem.utils import checks, files


@dataclasses.dataclass(frozen=True)
class Format:
    """An export format.

    Args:
        title: Name in messages.
        module: Module with the function `write` of the format.
        suffix: Suffix of the file, empty for a folder.
        marker: File that identifies an exported folder, empty for a file.
        extra: Extra of keras-cem that installs `packages`.
        packages: Packages that are required to write the format.
    """

    title: str
    module: str
    suffix: str = ""
    marker: str = ""
    extra: str = ""
    packages: tuple[str, ...] = ()

    def check_packages(self) -> None:
        """Checks that the required packages are installed.

        Raises:
            ImportError: If one is missing. The message names the extra.
        """
        missing = [
            name
            for name in self.packages
            if importlib.util.find_spec(name) is None
        ]
        if missing:
            raise ImportError(
                f"`export` to {self.title} needs {' and '.join(missing)}. "
                f"Install it with `pip install 'keras-cem[{self.extra}]'`."
            )

    def check_path(self, path: pathlib.Path) -> None:
        """Checks that an export may be written to `path`.

        A folder with any other content is never replaced.

        Raises:
            ValueError: If `path` does not fit the format or holds something
                else.
        """
        if self.suffix and path.suffix != self.suffix:
            raise ValueError(
                f"`filepath` must end in {self.suffix} for {self.title}. "
                f"Received: filepath={str(path)!r}"
            )
        if self.suffix:
            may_write = not path.is_dir()
        elif path.is_dir():
            may_write = (path / self.marker).is_file() or not any(
                path.iterdir()
            )
        else:
            may_write = not os.path.lexists(path)
        if not may_write:
            raise ValueError(
                f"`filepath` must not exist yet, or be {self.title} to "
                f"replace. Received: filepath={str(path)!r}, which is a file "
                "or folder of another kind"
            )

    def write(self, agent: Any, path: pathlib.Path) -> None:
        """Writes the policy; if this fails, existing files at `path` stay."""
        write = importlib.import_module(self.module).write
        endpoints = Endpoints(agent)
        path.parent.mkdir(parents=True, exist_ok=True)
        replacing = files.replacing if self.suffix else files.replacing_folder
        with replacing(path) as new:
            write(endpoints, str(new))


# Formats by their names in `keras.Model.export`.
FORMATS = {
    "tf_saved_model": Format(
        "a SavedModel", "keras_cem.export.saved_model", marker="saved_model.pb"
    ),
    "onnx": Format(
        "an ONNX file",
        "keras_cem.export.onnx",
        suffix=".onnx",
        extra="onnx",
        packages=("onnx", "tf2onnx"),
    ),
    "litert": Format(
        "a LiteRT file",
        "keras_cem.export.litert",
        suffix=".tflite",
        extra="litert",
        packages=("ai_edge_litert",),
    ),
    "openvino": Format(
        "an OpenVINO folder",
        "keras_cem.export.openvino",
        marker="model.xml",
        extra="openvino",
        packages=("openvino",),
    ),
}


def export_policy(
    agent: Any,
    filepath: str | os.PathLike[str],
    format: str = "tf_saved_model",
) -> None:
    """Exports the policy of an agent for use without keras_cem and Keras.

    An exported policy takes batches of any size. Its inputs have the names and
    dtypes of the observation space. Its outputs are `actions`, the greedy
    actions, and `logits`, the raw outputs of the policy.

    Args:
        agent: A `CEMAgent` that has an observation space.
        filepath: Folder or file to write. A complete new export replaces an
            earlier one. Anything else is never replaced.
        format: One of `FORMATS`. Defaults to `"tf_saved_model"`.

    Raises:
        ImportError: If a package that the format needs is missing.
        ValueError: If the agent has no observation space, the format is
            unknown, `filepath` does not fit it, or it cannot express an
            operation of the policy.
    """
    checks.one_of(tuple(FORMATS), format=format)
    checks.path(filepath=filepath)
    if agent.observation_space is None:
        raise ValueError(
            "`export` needs the agent's observation space. Received: "
            "observation_space=None. Pass `observation_space` to `CEMAgent`, "
            "or call `fit` on an environment first."
        )
    chosen, path = FORMATS[format], pathlib.Path(filepath)
    chosen.check_path(path)
    chosen.check_packages()
    chosen.write(agent, path)
