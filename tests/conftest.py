"""Lets no test depend on which others ran before it in its process.

Imports nothing large: what a test needs is imported with it.
"""

import collections
import gc
import os
import random
import sys

import pytest

# Elsewhere graphs run as they were traced: most run a few times, and Grappler
# would take up to a third of the time. In these tests, and in the processes
# that tests start, it runs as it does for users.
_WITH_GRAPPLER = {
    "export",
    "golden_test.py",
    "nonfinite_test.py",
    "readme_test.py",
    "smoke_test.py",
    "source_test.py",
}


def compile_quickly():
    """Makes XLA compile what runs a few times in half the time.

    The results are those that the golden runs expect. As for users, XLA
    compiles in `make versions` and with `XLA_FLAGS= make test`. A TensorFlow
    that does not know one of the options ends and names it.
    """
    os.environ.setdefault(
        "XLA_FLAGS",
        "--xla_cpu_use_fusion_emitters=false "
        "--xla_backend_optimization_level=0",
    )


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
        # What the file leaves, functions that TensorFlow keeps, is not looked
        # through again and again in those that follow.
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
        names = {item.path.parent.name, item.path.name}
        config.optimizer.set_experimental_options(
            {"disable_meta_optimizer": _WITH_GRAPPLER.isdisjoint(names)}
        )
