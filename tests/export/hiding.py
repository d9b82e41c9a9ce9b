"""Processes in which neither Keras nor keras_cem can be imported."""

import subprocess
import sys

# `import tensorflow` imports keras if it finds it, and goes on if not.
_HIDE = """
import sys

class Hiding:
    def __init__(self, finder):
        self._finder = finder

    def find_spec(self, name, *args):
        if name.partition(".")[0] in ("keras", "tf_keras", "keras_cem"):
            return None
        return self._finder.find_spec(name, *args)

    def __getattr__(self, name):
        return getattr(self._finder, name)

sys.meta_path[:] = map(Hiding, sys.meta_path)
import tensorflow

for name in ("keras", "keras.src", "tf_keras", "keras_cem"):
    try:
        __import__(name)
    except ImportError:
        continue
    raise SystemExit(f"{name} can be imported")
"""


def run_without_keras(program, *arguments, cwd):
    """Runs Python code as if keras, tf_keras and keras_cem were not there.

    Args:
        program: The code.
        *arguments: Its `sys.argv[1:]`.
        cwd: Folder to run in.

    Returns:
        What it printed.
    """
    done = subprocess.run(
        [sys.executable, "-c", _HIDE + program, *map(str, arguments)],
        cwd=cwd,
        env={"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
