import textwrap

import pytest

from tools import build_files


def write_tree(root, files):
    for name, source in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source))


TINY = {
    "keras_cem/__init__.py": "from keras_cem.agent import Agent\n",
    "keras_cem/agent.py": """\
        import json
        from typing import TYPE_CHECKING

        import numpy as np

        from keras_cem import elites
        if TYPE_CHECKING:
            import keras

        def load():
            from absl import flags
        """,
    "keras_cem/elites.py": "import tensorflow as tf\n",
    "tests/agent_test.py": """\
        from keras_cem.agent import Agent

        DATA = __file__
        """,
    "tests/conftest.py": "",
}


def test_json_beside_a_package_is_its_data(tmp_path):
    write_tree(
        tmp_path,
        {
            "keras_cem/__init__.py": "",
            "keras_cem/reader.py": "",
            "keras_cem/b.json": "{}",
            "keras_cem/a.json": "{}",
        },
    )
    assert build_files.main(["--root", str(tmp_path)]) == 0
    assert (
        (tmp_path / "keras_cem/BUILD")
        .read_text()
        .endswith(
            textwrap.dedent(
                """\
            py_library(
                name = "keras_cem",
                srcs = ["__init__.py"],
                data = [
                    "a.json",
                    "b.json",
                ],
                visibility = ["//:__pkg__"],
            )

            py_library(
                name = "reader",
                srcs = ["reader.py"],
                visibility = ["//:__pkg__"],
            )
            """
            )
        )
    )


def test_parts_of_a_page_are_data_of_the_module_of_that_name(tmp_path):
    write_tree(
        tmp_path,
        {
            "keras_cem/page.py": "",
            "keras_cem/page.js": "",
            "keras_cem/page.css": "",
            "keras_cem/other.js": "",
            "keras_cem/pages.py": "",
        },
    )
    assert build_files.main(["--root", str(tmp_path)]) == 0
    build = (tmp_path / "keras_cem/BUILD").read_text()
    page, pages = build.split('name = "pages"')
    listed = '    data = [\n        "page.css",\n        "page.js",\n    ],\n'
    assert listed in page
    assert "data" not in pages


def test_write_lists_lazy_and_type_checking_imports(tmp_path):
    write_tree(tmp_path, TINY)
    assert build_files.main(["--root", str(tmp_path)]) == 0
    assert (tmp_path / "keras_cem/BUILD").read_text() == textwrap.dedent(
        """\
        # Written by tools/build_files.py from the imports; do not edit.

        load("@pip//:requirements.bzl", "requirement")
        load("@rules_python//python:py_library.bzl", "py_library")

        package(default_visibility = ["//visibility:private"])

        licenses(["notice"])  # Apache-2.0

        py_library(
            name = "agent",
            srcs = ["agent.py"],
            visibility = ["//tests:__pkg__"],
            deps = [
                ":elites",
                requirement("absl-py"),
                requirement("keras"),
                requirement("numpy"),
            ],
        )

        py_library(
            name = "elites",
            srcs = ["elites.py"],
            deps = [requirement("tensorflow")],
        )

        py_library(
            name = "keras_cem",
            srcs = ["__init__.py"],
            visibility = ["//:__pkg__"],
            deps = [":agent"],
        )
        """
    )


def test_write_makes_public_what_the_package_finds_by_name(tmp_path):
    write_tree(tmp_path, TINY | {"keras_cem/adapters/gymnasium.py": ""})
    assert build_files.main(["--root", str(tmp_path)]) == 0
    assert (tmp_path / "BUILD").read_text() == textwrap.dedent(
        """\
        # Written by tools/build_files.py from the imports; do not edit.

        load("@rules_python//python:py_library.bzl", "py_library")

        package(default_visibility = ["//visibility:private"])

        licenses(["notice"])  # Apache-2.0

        py_library(
            name = "keras_cem",
            visibility = ["//visibility:public"],
            deps = [
                "//keras_cem",
                "//keras_cem/adapters:gymnasium",
            ],
        )
        """
    )


def test_write_gives_tests_a_size_and_their_conftest(tmp_path):
    write_tree(tmp_path, TINY)
    assert build_files.main(["--root", str(tmp_path)]) == 0
    assert (tmp_path / "tests/BUILD").read_text() == textwrap.dedent(
        """\
        # Written by tools/build_files.py from the imports; do not edit.

        load("@rules_python//python:py_library.bzl", "py_library")
        load("//tools:pytest_test.bzl", "pytest_test")

        package(default_visibility = ["//visibility:private"])

        licenses(["notice"])  # Apache-2.0

        pytest_test(
            name = "agent_test",
            size = "medium",
            srcs = ["agent_test.py"],
            local = True,
            deps = [
                ":conftest",
                "//keras_cem:agent",
            ],
        )

        py_library(
            name = "conftest",
            testonly = True,
            srcs = ["conftest.py"],
        )
        """
    )


def test_scripts_find_the_files_beside_them_and_torch_is_manual(tmp_path):
    write_tree(
        tmp_path,
        {
            "benchmarks/loop.py": "import torch\n",
            "benchmarks/main.py": """\
                import loop

                if __name__ == "__main__":
                    loop.main()
                """,
        },
    )
    assert build_files.main(["--root", str(tmp_path)]) == 0
    assert (
        (tmp_path / "benchmarks/BUILD")
        .read_text()
        .endswith(
            textwrap.dedent(
                """\
            py_library(
                name = "loop",
                srcs = ["loop.py"],
                tags = ["manual"],
                deps = [requirement("torch")],
            )

            py_binary(
                name = "main",
                srcs = ["main.py"],
                tags = ["manual"],
                deps = [":loop"],
            )
            """
            )
        )
    )


def test_module_of_a_package_may_bear_the_name_of_what_it_imports(tmp_path):
    write_tree(
        tmp_path,
        {
            "keras_cem/__init__.py": "",
            "keras_cem/adapters/__init__.py": "",
            "keras_cem/adapters/gymnasium.py": "import gymnasium\n",
        },
    )
    assert build_files.main(["--root", str(tmp_path)]) == 0
    build = (tmp_path / "keras_cem/adapters/BUILD").read_text()
    assert 'deps = [requirement("gymnasium")]' in build


def test_check_passes_on_what_was_written(tmp_path, capsys):
    write_tree(tmp_path, TINY)
    build_files.main(["--root", str(tmp_path)])
    assert build_files.main(["--check", "--root", str(tmp_path)]) == 0
    assert capsys.readouterr().err == ""


def test_check_names_stale_and_left_over_files_and_changes_nothing(
    tmp_path, capsys
):
    write_tree(tmp_path, TINY)
    build_files.main(["--root", str(tmp_path)])
    write_tree(tmp_path, {"keras_cem/elites.py": "", "gone/BUILD": ""})
    before = (tmp_path / "keras_cem/BUILD").read_text()
    assert build_files.main(["--check", "--root", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        "gone/BUILD: differs from the imports\n"
        "keras_cem/BUILD: differs from the imports\n"
        "tests/BUILD: differs from the imports\n"
        "Run `python -m tools.build_files`.\n"
    )
    assert (tmp_path / "keras_cem/BUILD").read_text() == before


def test_write_removes_left_over_files(tmp_path):
    write_tree(tmp_path, TINY | {"gone/BUILD": ""})
    build_files.main(["--root", str(tmp_path)])
    assert not (tmp_path / "gone/BUILD").exists()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"keras_cem/a.py": "import keras_cem.b\n"},
            "keras_cem/a.py: no file is the module `keras_cem.b`.",
        ),
        (
            {"keras_cem/a.py": "import kears\n"},
            "keras_cem/a.py: `kears` belongs to no distribution",
        ),
        (
            {"keras_cem/a.py": "\nfrom . import b\n"},
            "keras_cem/a.py:2: write the import in full",
        ),
        (
            {
                "keras_cem/a.py": "import keras_cem.b\n",
                "keras_cem/b.py": "def f():\n    import keras_cem.a\n",
            },
            "imports in a circle: //keras_cem:",
        ),
        (
            {"keras_cem/cli/__init__.py": "", "keras_cem/cli/cli.py": ""},
            "keras_cem/cli/__init__.py and keras_cem/cli/cli.py would both be "
            "//keras_cem/cli.",
        ),
        ({"setup.py": ""}, "setup.py: Python files belong into a folder."),
    ],
)
def test_write_refuses_what_is_no_graph(tmp_path, capsys, files, message):
    write_tree(tmp_path, files)
    assert build_files.main(["--root", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(message)
    assert not list(tmp_path.rglob("BUILD"))
