"""Scripts of `examples/` in this process, which has imported TensorFlow."""

import contextlib
import importlib.util

from absl import flags


@contextlib.contextmanager
def loaded(path):
    """A script as a module. Its flags are defined inside the context alone."""
    # Benchmarks that were imported have flags of the same names.
    others = [
        (module, flag)
        for module, defined in flags.FLAGS.flags_by_module_dict().items()
        if module.startswith("benchmarks")
        for flag in defined
    ]
    for _, flag in others:
        delattr(flags.FLAGS, flag.name)
    before = set(flags.FLAGS)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        for name in set(flags.FLAGS) - before:
            delattr(flags.FLAGS, name)
        for module, flag in others:
            flags.FLAGS[flag.name] = flag
            flags.FLAGS.register_flag_by_module(module, flag)


def run(module, *arguments):
    """Calls `main` of a script, as `app.run` does."""
    flags.FLAGS([module.__name__, *arguments])
    try:
        module.main([module.__name__])
    finally:
        flags.FLAGS.unparse_flags()
