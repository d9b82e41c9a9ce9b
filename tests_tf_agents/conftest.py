"""Imports TF-Agents as users of the adapters do, before any test does."""

from keras_cem.adapters.tf_agents import loading

# Of packages that are no longer changed; what is ours still raises.
_OTHERS_WARNINGS = (
    # gym 0.23: NumPy 2, its own deprecations.
    "ignore::DeprecationWarning:gym",
    "ignore:.*WARN. .*:UserWarning",
    "ignore:.*WARN. .*:DeprecationWarning",
    # tf-agents 0.19: `is ()`, imports of distutils.
    'ignore:"is".* with .*literal:SyntaxWarning',
    "ignore:.*distutils:DeprecationWarning",
)


def pytest_configure(config):
    for warning in _OTHERS_WARNINGS:
        config.addinivalue_line("filterwarnings", warning)
    loading.load()
