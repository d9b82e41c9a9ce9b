"""The graph of what the Python files of this checkout import.

A file depends on the modules that its import statements name, wherever they
stand: inside a function and under `TYPE_CHECKING` too. On the `__init__.py` of
a package depends only who imports a name from it: that Python runs it on the
way to every module inside is not counted, or each package would be one circle.
"""

import ast
import dataclasses
import fnmatch
import functools
import graphlib
import os
import pathlib
import sys
from collections.abc import Iterator

# What an import of another project is called where it is installed from.
DISTRIBUTIONS = {
    "absl": "absl-py",
    "ai_edge_litert": "ai-edge-litert",
    "cloudpickle": "cloudpickle",
    "envpool": "envpool",
    "gymnasium": "gymnasium",
    "gymnax": "gymnax",
    "h5py": "h5py",
    "huggingface_hub": "huggingface-hub",
    "hypothesis": "hypothesis",
    "imageio": "imageio",
    "imageio_ffmpeg": "imageio-ffmpeg",
    "jax": "jax",
    "keras": "keras",
    "matplotlib": "matplotlib",
    "minari": "minari",
    "mlflow": "mlflow",
    "nbclient": "nbclient",
    "nbformat": "nbformat",
    "numpy": "numpy",
    "onnx": "onnx",
    "onnxruntime": "onnxruntime",
    "openvino": "openvino",
    "optuna": "optuna",
    "playwright": "playwright",
    "pytest": "pytest",
    "ray": "ray",
    "rich": "rich",
    "stable_baselines3": "stable-baselines3",
    "starlette": "starlette",
    "tensorboard": "tensorboard",
    "tensorflow": "tensorflow",
    "tf2onnx": "tf2onnx",
    "tf_agents": "tf-agents",
    "torch": "torch",
    "trackio": "trackio",
    "uvicorn": "uvicorn",
    "wandb": "wandb",
    "yaml": "pyyaml",
}
# Not in requirements_lock.txt, for their size, because they hold down what is
# in it, or for the browser or kernel that they need; `bazel build //...` leaves
# out what needs it.
NOT_LOCKED = frozenset(
    {
        "envpool",
        "gymnax",
        "jax",
        "mlflow",
        "nbclient",
        "nbformat",
        "playwright",
        "stable-baselines3",
        "tf-agents",
        "torch",
        "trackio",
        "wandb",
    }
)
NOT_SOURCE = frozenset({"__pycache__", "dist", "node_modules", "runs"})


class ImportGraphError(Exception):
    """The imports make no graph."""


@dataclasses.dataclass
class Target:
    """The target of one Python file.

    Args:
        path: `pathlib.PurePosixPath`, the file relative to the root.
        tree: `ast.Module`, what stands in it.
    """

    path: pathlib.PurePosixPath
    tree: ast.Module
    deps: set[str] = dataclasses.field(default_factory=set)
    distributions: set[str] = dataclasses.field(default_factory=set)

    @property
    def package(self) -> str:
        """The label of the folder, such as `//keras_cem/heads`."""
        return f"//{self.path.parent}"

    @property
    def name(self) -> str:
        """The target's name: the file's, or the folder's for `__init__`."""
        is_init = self.path.name == "__init__.py"
        return self.path.parent.name if is_init else self.path.stem

    @property
    def label(self) -> str:
        """The label as buildifier shortens it."""
        short = self.path.parent.name == self.name
        return self.package if short else f"{self.package}:{self.name}"

    @property
    def module(self) -> str:
        """The dotted name under which Python imports the file."""
        path = self.path.with_suffix("")
        path = path.parent if path.name == "__init__" else path
        return ".".join(path.parts)

    @property
    def rule(self) -> str:
        """The rule that builds the file."""
        if self.name.endswith("_test"):
            return "pytest_test"
        is_script = any(
            isinstance(node, ast.If)
            and ast.unparse(node.test) == "__name__ == '__main__'"
            for node in self.tree.body
        )
        return "py_binary" if is_script else "py_library"

    @functools.cached_property
    def names(self) -> set[str]:
        """All names and attributes that the file mentions."""
        nodes = list(ast.walk(self.tree))
        return {node.id for node in nodes if isinstance(node, ast.Name)} | {
            node.attr for node in nodes if isinstance(node, ast.Attribute)
        }

    def imports(self) -> Iterator[tuple[str, str]]:
        """Yields (module, name) for each import, `name` empty without `from`.

        Raises:
            ImportGraphError: if an import is relative.
        """
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield alias.name, ""
            elif isinstance(node, ast.ImportFrom):
                if node.module is None or node.level:
                    raise ImportGraphError(
                        f"{self.path}:{node.lineno}: write the import in full, "
                        "not relative to the folder."
                    )
                for alias in node.names:
                    yield node.module, alias.name

    def resolve(self, modules: dict[str, "Target"]) -> None:
        """Fills `deps` and `distributions` from the imports.

        Raises:
            ImportGraphError: if an import is of nothing known.
        """
        folders = {module.partition(".")[0] for module in modules}
        # Scripts find the files beside them; the files of a package do not.
        in_package = self.path.parts[0] in modules
        beside = "" if in_package else self.module.rpartition(".")[0]
        for module, name in self.imports():
            candidates = (f"{module}.{name}", module, f"{beside}.{module}")
            found = next((modules[c] for c in candidates if c in modules), None)
            top = module.partition(".")[0]
            if found is not None:
                self.deps.add(found.label)
            elif top in folders:
                raise ImportGraphError(
                    f"{self.path}: no file is the module `{module}`."
                )
            elif top in DISTRIBUTIONS:
                self.distributions.add(DISTRIBUTIONS[top])
            elif top not in sys.stdlib_module_names:
                raise ImportGraphError(
                    f"{self.path}: `{top}` belongs to no distribution that "
                    "DISTRIBUTIONS in tools/import_graph.py knows."
                )
        if self.rule == "pytest_test":
            # pytest imports the conftest.py of each folder on the way.
            for folder in self.path.parents:
                conftest = ".".join((*folder.parts, "conftest"))
                if conftest in modules:
                    self.deps.add(modules[conftest].label)
        self.deps.discard(self.label)


class ImportGraph:
    """The targets under a folder.

    Args:
        root: `pathlib.Path`, the folder of the checkout.

    Raises:
        ImportGraphError: if an import is of nothing known, two files would be
            one target, or imports go round in a circle.
    """

    def __init__(self, root: pathlib.Path):
        self.targets: dict[str, Target] = {}
        self._root = root
        for path in source_files(root, "*.py"):
            source = (root / path).read_text(encoding="utf-8")
            target = Target(path, ast.parse(source, filename=str(path)))
            if not path.parent.parts:
                raise ImportGraphError(
                    f"{path}: Python files belong into a folder."
                )
            other = self.targets.setdefault(target.label, target)
            if other is not target:
                raise ImportGraphError(
                    f"{other.path} and {path} would both be {target.label}."
                )
        modules = {target.module: target for target in self.targets.values()}
        for target in self.targets.values():
            target.resolve(modules)
        deps = {label: target.deps for label, target in self.targets.items()}
        try:
            graphlib.TopologicalSorter(deps).prepare()
        except graphlib.CycleError as error:
            circle = " imports ".join(reversed(error.args[1]))
            raise ImportGraphError(f"imports in a circle: {circle}.") from error

    def needs(self, target: Target) -> set[str]:
        """Returns the distributions of `target` and of all that it imports."""
        labels, pending = {target.label}, [target.label]
        while pending:
            new = self.targets[pending.pop()].deps - labels
            labels |= new
            pending += new
        return set().union(*(self.targets[x].distributions for x in labels))

    @functools.cached_property
    def tops(self) -> set[str]:
        """The labels in keras_cem that nothing in keras_cem imports.

        What needs distributions that are not locked is left out of it.
        """
        package = [
            target
            for target in self.targets.values()
            if target.path.parts[0] == "keras_cem"
            and not self.needs(target) & NOT_LOCKED
        ]
        imported = set().union(*(target.deps for target in package))
        return {
            target.label for target in package if target.label not in imported
        }

    def data(self, target: Target) -> set[str]:
        """Returns the files that a target reads, which stand beside its code.

        Of a module they are the parts of a page that have its name, of a
        package its JSON and the other parts of pages.
        """
        folder = self._root / target.path.parent
        if target.path.name == "__init__.py":
            return {
                path.name
                for suffix in ("css", "html", "js", "json")
                for path in folder.glob(f"*.{suffix}")
                if not path.with_suffix(".py").exists()
            }
        parts = (target.path.with_suffix(suffix) for suffix in (".css", ".js"))
        return {part.name for part in parts if (folder / part.name).is_file()}

    def visibility(self, target: Target) -> set[str]:
        """Returns the folders, other than its own, that need `target`."""
        users = {
            user.package
            for user in self.targets.values()
            if target.label in user.deps
        }
        if target.label in self.tops:
            users.add("//")
        return {f"{user}:__pkg__" for user in users - {target.package}}


def source_files(
    root: pathlib.Path, pattern: str
) -> list[pathlib.PurePosixPath]:
    """Returns the source files that match `pattern`, relative to `root`."""
    found = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [
            name
            for name in subfolders
            if not name.startswith(".") and name not in NOT_SOURCE
        ]
        relative = pathlib.Path(folder).relative_to(root).as_posix()
        found += [
            pathlib.PurePosixPath(relative, name)
            for name in fnmatch.filter(names, pattern)
        ]
    return sorted(found)
