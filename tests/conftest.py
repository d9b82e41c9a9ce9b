"""Lets no test depend on which others ran before it in its process.

Imports nothing large: what a test needs is imported with it.
"""

import collections
import gc
import os
import random
import sys

import pytest

# Optimizing what runs a few times would take a third of the time of tests that
# compile with XLA and, by Grappler, a sixth of that of the others. So both are
# limited, except in `make versions` and with `XLA_FLAGS= make test`. The tests
# named here, and the processes that tests start, always have Grappler. A
# TensorFlow that does not know one of the flags ends and names it.
_QUICK_XLA = (
    "--xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=0"
)
_WITH_GRAPPLER = {
    "export",
    "golden_test.py",
    "nonfinite_test.py",
    "ray",  # Its results are compared with those of other processes.
    "readme_test.py",
    "smoke_test.py",
    "source_test.py",
}


def compile_quickly():
    """Limits XLA, unless `XLA_FLAGS` is given, even if empty."""
    os.environ.setdefault("XLA_FLAGS", _QUICK_XLA)


def pytest_configure():
    # OpenVINO reports each conversion to its makers, from a process that it
    # forks off this one, unless it runs in CI.
    os.environ["CI"] = "true"
    compile_quickly()
    # Importing TensorFlow makes a million objects, among which the collector
    # looks for garbage again and again.
    gc.disable()


def pytest_collection_modifyitems(items):
    # The longest files first, so that none is left to one process at the end:
    # those of Ray, whose processes are waited for, then those with the most
    # slow tests. The order within a file stays.
    slow = collections.Counter(
        item.path for item in items if item.get_closest_marker("slow")
    )
    items.sort(
        key=lambda item: (item.path.parent.name != "ray", -slow[item.path])
    )


def pytest_collection_finish():
    gc.enable()
    gc.collect()
    # What is imported stays.
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item, nextitem):
    if nextitem is not None and nextitem.path != item.path:
        # The garbage collector need not search again what this file leaves,
        # such as functions that TensorFlow keeps.
        gc.collect()
        gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    # Keras draws seeds from it where it is given none.
    random.seed(0)
    if "tensorflow" in sys.modules:
        config = sys.modules["tensorflow"].config
        # A GPU rounds what it multiplies to TF32 otherwise, of 10 bits.
        config.experimental.enable_tensor_float_32_execution(False)
        limited = os.environ.get("XLA_FLAGS") == _QUICK_XLA and (
            _WITH_GRAPPLER.isdisjoint({item.path.parent.name, item.path.name})
        )
        config.optimizer.set_experimental_options(
            {"disable_meta_optimizer": limited}
        )
