"""Writes the BUILD files from what the Python files import.

One target for each Python file, named after it, that of an `__init__.py` after
its folder. A target is visible to the folders that import it. Public is
`//:keras_cem` alone: the package with the parts that it finds by name.

    python -m tools.build_files          # write
    python -m tools.build_files --check  # fail if a file differs
"""

import argparse
import pathlib
import sys
from collections.abc import Iterable

from tools.import_graph import (
    NOT_LOCKED,
    ImportGraph,
    ImportGraphError,
    Target,
    source_files,
)

HEAD = "# Written by tools/build_files.py from the imports; do not edit.\n\n"
DEFAULTS = """
package(default_visibility = ["//visibility:private"])

licenses(["notice"])  # Apache-2.0
"""
LOADS = {
    "py_binary": "@rules_python//python:py_binary.bzl",
    "py_library": "@rules_python//python:py_library.bzl",
    "pytest_test": "//tools:pytest_test.bzl",
    "requirement": "@pip//:requirements.bzl",
}


def render_target(target: Target, graph: ImportGraph) -> str:
    """Writes one rule."""
    needs = graph.needs(target)
    attributes = {"name": quote(target.name)}
    if target.rule == "pytest_test":
        # Bazel allows them 1, 5 and 15 minutes.
        size = "medium" if "tensorflow" in needs else "small"
        size = "large" if "slow" in target.names else size
        attributes["size"] = quote(size)
    elif target.path.parts[0].startswith("tests"):
        attributes["testonly"] = "True"
    attributes["srcs"] = write_labels([target.path.name])
    attributes["data"] = write_labels(graph.data(target))
    if target.rule == "pytest_test" and "__file__" in target.names:
        # It reads the checkout, which Bazel's sandbox hides.
        attributes["local"] = "True"
    if needs & NOT_LOCKED:
        attributes["tags"] = write_labels(["manual"])
    attributes["visibility"] = write_labels(graph.visibility(target))
    deps = [
        f":{graph.targets[label].name}"
        if graph.targets[label].package == target.package
        else label
        for label in target.deps
    ]
    attributes["deps"] = write_labels(
        deps, [f"requirement({quote(name)})" for name in target.distributions]
    )
    return write_rule(target.rule, attributes)


def render(graph: ImportGraph) -> dict[pathlib.PurePosixPath, str]:
    """Returns the text of each BUILD file by its path."""
    public = {
        "name": quote("keras_cem"),
        "visibility": write_labels(["//visibility:public"]),
        "deps": write_labels(graph.tops),
    }
    files = {
        pathlib.PurePosixPath("BUILD"): write_file(
            [write_rule("py_library", public)]
        )
    }
    for folder in {target.path.parent for target in graph.targets.values()}:
        members = [
            target
            for target in graph.targets.values()
            if target.path.parent == folder
        ]
        members.sort(key=lambda target: target.name)
        files[folder / "BUILD"] = write_file(
            [render_target(target, graph) for target in members]
        )
    return files


def quote(text: str) -> str:
    """Writes a string as buildifier does."""
    return f'"{text}"'


def write_labels(labels: Iterable[str], calls: Iterable[str] = ()) -> str:
    """Writes a list of labels and calls in buildifier's order and form."""
    labels = sorted(
        labels, key=lambda x: (not x.startswith(":"), x.replace(":", "!"))
    )
    items = [*map(quote, labels), *sorted(calls)]
    if len(items) < 2:
        return f"[{''.join(items)}]"
    return "[\n" + "".join(f"        {item},\n" for item in items) + "    ]"


def write_rule(rule: str, attributes: dict[str, str]) -> str:
    """Writes a call of `rule` with those attributes that are no empty list."""
    lines = [
        f"    {key} = {value},\n"
        for key, value in attributes.items()
        if value != "[]"
    ]
    return f"{rule}(\n{''.join(lines)})\n"


def write_file(rules: list[str]) -> str:
    """Writes a BUILD file that loads what its rules call."""
    body = "\n".join(rules)
    loads = sorted(
        (
            f'load("{file}", "{symbol}")\n'
            for symbol, file in LOADS.items()
            if f"{symbol}(" in body
        ),
        key=lambda load: ("//tools" in load, load),
    )
    return f"{HEAD}{''.join(loads)}{DEFAULTS}\n{body}"


def main(arguments: list[str] | None = None) -> int:
    """Writes or checks the BUILD files; returns the exit status."""
    parser = argparse.ArgumentParser(
        description="Writes the BUILD files from the imports."
    )
    parser.add_argument(
        "--check", action="store_true", help="change nothing; fail if stale"
    )
    parser.add_argument(
        "--root",
        type=pathlib.Path,
        default=pathlib.Path(__file__).resolve().parents[1],
        help="the folder to work on; defaults to this checkout",
    )
    options = parser.parse_args(arguments)
    root = options.root
    try:
        files = render(ImportGraph(root))
    except ImportGraphError as error:
        print(error, file=sys.stderr)
        return 1
    present = {
        path: (root / path).read_text(encoding="utf-8")
        for path in source_files(root, "BUILD")
    }
    stale = sorted(
        path for path in present | files if present.get(path) != files.get(path)
    )
    for path in stale:
        if options.check:
            print(f"{path}: differs from the imports", file=sys.stderr)
        elif path in files:
            (root / path).write_text(files[path], encoding="utf-8")
        else:
            (root / path).unlink()
    if options.check and stale:
        print("Run `python -m tools.build_files`.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
