"""A py_test whose cases pytest finds and runs."""

load("@pip//:requirements.bzl", "requirement")
load("@rules_python//python:py_test.bzl", "py_test")

def pytest_test(name, srcs, deps = [], **kwargs):
    """Runs pytest on `srcs`; a plain py_test would only import them.

    Args:
      name: name of the test.
      srcs: the test files.
      deps: what they import.
      **kwargs: further attributes of py_test.
    """
    main = name + "_main.py"
    native.genrule(
        name = name + "_main",
        testonly = True,
        outs = [main],
        cmd = "echo 'import sys, pytest; " +
              "sys.exit(pytest.main(sys.argv[1:]))' > $@",
    )

    # The whole package, since parts of it find others by name.
    runtime = ["//:keras_cem", requirement("pytest")]
    py_test(
        name = name,
        srcs = srcs + [main],
        args = ["--import-mode=importlib"] +
               ["$(location %s)" % src for src in srcs],
        main = main,
        deps = deps + [dep for dep in runtime if dep not in deps],
        **kwargs
    )
