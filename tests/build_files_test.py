import ast
import collections
import graphlib
import pathlib
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDERS = (
    "benchmarks",
    "examples",
    "keras_cem",
    "tests",
    "tests_tf_agents",
    "tools",
)
FILES = sorted(
    path.relative_to(ROOT)
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*.py")
)
PACKAGE = [path for path in FILES if path.parts[0] == "keras_cem"]
RULES = ("py_binary", "py_library", "pytest_test")

# From the bottom up: each imports only from its own layer and those before it.
# `keras_cem` itself is the package's `__init__.py`. No layer below it imports
# the adapters, which are found when an environment needs one.
LAYERS = (
    (
        "activations",
        "moved",
        "prng",
        "schedules",
        "spaces",
        "utils",
        "version",
    ),
    ("envs", "heads", "networks", "pictures", "saving"),
    ("engines",),
    ("algorithm",),
    ("agent", "callbacks", "export"),
    ("adapters",),
    ("keras_cem",),
    ("cli",),
)

# Import names that differ from the distribution's.
DISTRIBUTIONS = {
    "absl": "absl-py",
    "ai_edge_litert": "ai-edge-litert",
    "huggingface_hub": "huggingface-hub",
    "imageio_ffmpeg": "imageio-ffmpeg",
    "stable_baselines3": "stable-baselines3",
    "tf_agents": "tf-agents",
    "yaml": "pyyaml",
}


def read_rules(build):
    """The rules of a BUILD file as (rule, attributes); Starlark is Python."""
    for statement in ast.parse(build.read_text()).body:
        call = statement.value
        if isinstance(call, ast.Call) and call.func.id in RULES:
            yield (
                call.func.id,
                {
                    keyword.arg: ast.literal_eval(
                        re.sub(
                            r"requirement\('(.*?)'\)",
                            r"'@pip//\1'",
                            ast.unparse(keyword.value),
                        )
                    )
                    for keyword in call.keywords
                },
            )


def full_label(label, folder):
    if label.startswith("@"):
        return label
    package, _, name = label.partition(":")
    package = package or f"//{folder}"
    return f"{package}:{name or package.rpartition('/')[2]}"


def committed_targets():
    """Each target of the committed BUILD files by its full label."""
    targets = {}
    builds = [
        build for folder in FOLDERS for build in (ROOT / folder).rglob("BUILD")
    ]
    for build in builds:
        folder = build.parent.relative_to(ROOT).as_posix()
        for rule, attributes in read_rules(build):
            attributes["rule"] = rule
            attributes["folder"] = folder
            attributes["deps"] = {
                full_label(dep, folder) for dep in attributes.get("deps", ())
            }
            label = f"//{folder}:{attributes['name']}"
            assert label not in targets
            targets[label] = attributes
    return targets


def label_of(path):
    name = path.parent.name if path.name == "__init__.py" else path.stem
    return f"//{path.parent.as_posix()}:{name}"


def imported_labels(path):
    """Labels of what the import statements of a Python file name."""
    labels = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        labels.update(label for name in names if (label := label_for(name)))
    if path.name.endswith("_test.py"):
        labels.update(
            label_of(folder / "conftest.py")
            for folder in path.parents
            if (ROOT / folder / "conftest.py").exists()
        )
    return labels - {label_of(path)}


def label_for(name):
    """Label of the dotted `name`, which may end in an attribute."""
    parts = name.split(".")
    if parts[0] in FOLDERS:
        for length in (len(parts), len(parts) - 1):
            module = pathlib.Path(*parts[:length])
            for path in (module.with_suffix(".py"), module / "__init__.py"):
                if (ROOT / path).exists():
                    return label_of(path)
        pytest.fail(f"no file is the module {name}")
    if parts[0] in sys.stdlib_module_names:
        return None
    return f"@pip//{DISTRIBUTIONS.get(parts[0], parts[0])}"


def layer_of(label):
    package, _, name = label.removeprefix("//keras_cem").partition(":")
    first = package.split("/")[1] if package else name
    ranks = [rank for rank, layer in enumerate(LAYERS) if first in layer]
    assert ranks, f"{label} stands in no layer: add it to LAYERS"
    return ranks[0]


def test_every_python_file_is_in_exactly_one_target():
    sources = collections.Counter(
        f"{target['folder']}/{source}"
        for target in committed_targets().values()
        for source in target["srcs"]
    )
    assert sources == collections.Counter(path.as_posix() for path in FILES)


def test_deps_equal_imports_in_both_directions():
    targets = committed_targets()
    deps = {label_of(path): targets[label_of(path)]["deps"] for path in FILES}
    assert deps == {label_of(path): imported_labels(path) for path in FILES}


def test_imports_follow_the_layers():
    layers = {label_of(path): layer_of(label_of(path)) for path in PACKAGE}
    upward = {
        f"{path} -> {dep}"
        for path in PACKAGE
        for dep in imported_labels(path) & layers.keys()
        if layers[dep] > layers[label_of(path)]
    }
    assert upward == set()


def test_method_knows_no_concrete_engine():
    """It gets what was played as `engines.trajectories.Played`."""
    engines = {
        f"{path} -> {label}"
        for path in PACKAGE
        if path.parts[1] == "algorithm"
        for label in imported_labels(path)
        if label.startswith("//keras_cem/engines/")
    }
    assert engines == set()


# How a source is played, and how trajectories are stored, is theirs to say.
SOURCES_AND_TRAJECTORIES = re.compile(
    r"\b([A-Z][a-z]+)?(Source|Trajectories|Slots)\b|\bPlay(able|ed)\b"
)


def test_sources_and_trajectories_are_dispatched_by_their_methods():
    tested = {
        f"{path}:{node.lineno}: {ast.unparse(node)}"
        for path in PACKAGE
        if path.parts[1] in ("agent", "algorithm")
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("isinstance", "issubclass", "type")
        and SOURCES_AND_TRAJECTORIES.search(ast.unparse(node.args[-1]))
    }
    assert tested == set()


def test_few_arguments_of_the_method_have_any_type():
    """Any is left where Keras and TensorFlow have no types."""
    found = [
        f"{path}:{argument.lineno}: {argument.arg}"
        for path in PACKAGE
        if path.parts[1] in ("agent", "algorithm", "engines")
        for argument in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(argument, ast.arg)
        and argument.annotation is not None
        and ast.unparse(argument.annotation) == "Any"
    ]
    assert len(found) < 60, found


def test_package_imports_only_itself():
    outside = {
        f"{path} -> {label}"
        for path in PACKAGE
        for label in imported_labels(path)
        if label.startswith("//") and not label.startswith("//keras_cem")
    }
    assert outside == set()


def test_modules_stay_small_and_rooms_few():
    sizes = {
        str(path): len((ROOT / path).read_text().splitlines())
        for path in PACKAGE
    }
    assert [path for path, size in sizes.items() if size > 400] == []
    large = sorted(path for path, size in sizes.items() if size > 300)
    assert len(large) <= 5, "split one of these"
    assert sum(len(path.parts) == 2 for path in PACKAGE) <= 6
    assert len({path.parts[1] for path in PACKAGE if path.parts[2:]}) <= 14


def test_graph_has_no_circle():
    graph = {
        label: target["deps"] for label, target in committed_targets().items()
    }
    graphlib.TopologicalSorter(graph).prepare()


def test_targets_are_visible_to_who_needs_them():
    targets = committed_targets()
    hidden = {
        f"{label} -> {dep}"
        for label, target in targets.items()
        for dep in target["deps"]
        if dep in targets
        and targets[dep]["folder"] != target["folder"]
        and not {f"//{target['folder']}:__pkg__", "//visibility:public"}
        & set(targets[dep].get("visibility", ()))
    }
    assert hidden == set()


def test_public_target_brings_the_whole_package():
    targets = committed_targets()
    ((_, public),) = read_rules(ROOT / "BUILD")
    assert public["visibility"] == ["//visibility:public"]
    reached, pending = set(), [full_label(dep, "") for dep in public["deps"]]
    while pending:
        label = pending.pop()
        if label in targets and label not in reached:
            reached.add(label)
            pending += targets[label]["deps"]
    manual = {
        label
        for label, target in targets.items()
        if "manual" in target.get("tags", ())
    }
    assert reached == {label_of(path) for path in PACKAGE} - manual


def test_test_targets_have_a_size():
    sizes = {
        label: target.get("size")
        for label, target in committed_targets().items()
        if target["rule"] == "pytest_test"
    }
    assert len(sizes) == sum(path.name.endswith("_test.py") for path in FILES)
    assert set(sizes.values()) <= {"small", "medium", "large"}


def test_requirements_are_locked_unless_manual():
    lock = re.findall(
        r"^([\w.-]+)==", (ROOT / "requirements_lock.txt").read_text(), re.M
    )
    missing = {
        dep
        for target in committed_targets().values()
        if "manual" not in target.get("tags", ())
        for dep in target["deps"]
        if dep.startswith("@pip//")
    } - {f"@pip//{name.lower()}" for name in lock}
    assert missing == set()
