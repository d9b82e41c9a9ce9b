"""Sets what importing TF-Agents needs, and lets its warnings pass.

Imports nothing large: what is printed meanwhile would be the last that pytest
prints.
"""

import os

from tests.conftest import (
    compile_quickly,
    pytest_runtest_setup,  # noqa: F401
)

# Of packages that are no longer changed; what is ours still raises.
_OTHERS_WARNINGS = (
    # gym 0.23 and tf-agents 0.19: NumPy 2, distutils, deprecations.
    "ignore::DeprecationWarning",
    "ignore:.*WARN. .*:UserWarning",
    # tf-agents 0.19: `is ()`.
    'ignore:"is".* with .*literal:SyntaxWarning',
)


def pytest_configure(config):
    for warning in _OTHERS_WARNINGS:
        config.addinivalue_line("filterwarnings", warning)
    compile_quickly()
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
