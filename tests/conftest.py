"""Lets no test depend on which others ran before it in its process.

Imports nothing large: what a test needs is imported with it.
"""

import collections
import gc
import os
import pathlib
import random
import sys

import pytest

# Where most trainings are short, graphs run as they were traced: Grappler would
# take up to a third of the time. Elsewhere, as in golden_test.py and for the
# command line, it runs as it does for users.
_WITHOUT_GRAPPLER = {"agent", "algorithm", "engines"}
_WITH_GRAPPLER = {"nonfinite_test.py", "source_test.py"}
_TESTS = pathlib.Path(__file__).parent

# XLA would spend much time to make code fast that runs a few times. What it
# compiles with these options gives the same results as the golden runs. As for
# users it compiles in `make versions` and with `XLA_FLAGS= make test`. A
# TensorFlow without one of these options ends and names it.
_QUICK_XLA = (
    "--xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=0"
)


def pytest_configure():
    # OpenVINO reports each conversion to its makers, from a process that it
    # forks off this one, unless it runs in CI.
    os.environ["CI"] = "true"
    os.environ.setdefault("XLA_FLAGS", _QUICK_XLA)
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
        without = (
            item.path.is_relative_to(_TESTS)
            and item.path.relative_to(_TESTS).parts[0] in _WITHOUT_GRAPPLER
            and item.path.name not in _WITH_GRAPPLER
        )
        config.optimizer.set_experimental_options(
            {"disable_meta_optimizer": without}
        )
