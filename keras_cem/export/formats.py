"""The formats of export, and what is refused before one is written."""

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
    """A format of export.

    Args:
        title: What people call it.
        module: Of the function `write` that makes it.
        suffix: Of the file; empty if it is a folder.
        marker: File by which its folder is told from others; empty for a file.
        extra: Of keras-cem, that brings `packages`.
        packages: What must be there to write it.
    """

    title: str
    module: str
    suffix: str = ""
    marker: str = ""
    extra: str = ""
    packages: tuple[str, ...] = ()

    def check_packages(self) -> None:
        """Raises ImportError, naming the extra, if a package is missing."""
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
        """Raises ValueError if `path` is not for this format.

        A folder that holds anything but such an export is never replaced.
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
                f"`filepath` must be new, or {self.title} to be replaced. "
                f"Received: filepath={str(path)!r}, which is something else "
                "and left alone"
            )

    def write(self, agent: Any, path: pathlib.Path) -> None:
        """Writes the policy; what stands at `path` stays if that fails."""
        write = importlib.import_module(self.module).write
        endpoints = Endpoints(agent)
        path.parent.mkdir(parents=True, exist_ok=True)
        replacing = files.replacing if self.suffix else files.replacing_folder
        with replacing(path) as new:
            write(endpoints, str(new))


# By the names that `keras.Model.export` has for them.
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
    """Writes the policy of an agent for use without keras_cem, nor Keras.

    Every format has the inputs of the observation space, with its names and
    dtypes and any batch size, and two outputs: `actions`, greedy, and `logits`,
    the policy's raw outputs.

    Args:
        agent: A `CEMAgent` that knows its observation space.
        filepath: Folder or file to write. An earlier export there is replaced
            once the new one is complete; anything else is left alone.
        format: One of `FORMATS`. Defaults to `"tf_saved_model"`.

    Raises:
        ImportError: If the format needs a package that is missing.
        ValueError: If the format is unknown, `filepath` is not for it, or it
            has no operation for something that the policy does.
    """
    checks.one_of(tuple(FORMATS), format=format)
    checks.path(filepath=filepath)
    if agent.observation_space is None:
        raise ValueError(
            "`export` needs the agent's observation space. Received: "
            "observation_space=None. Give `observation_space` to "
            "`CEMAgent`, or `fit` on an environment first."
        )
    chosen, path = FORMATS[format], pathlib.Path(filepath)
    chosen.check_path(path)
    chosen.check_packages()
    chosen.write(agent, path)
