"""Starting TensorFlow without its messages about the machine, and faster."""

import contextlib
import gc
import os
import re
import sys
import tempfile
from collections.abc import Iterator

# TensorFlow 2.21 prints these before it knows its log level, and the last two
# as errors: without a GPU, and on most machines.
_NOISE = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|[IW]\d{4} "
    rb"|To enable the following instructions: "
    rb"|E\d{4} .*failed call to cuInit"
    rb"|E\d{4} .*oneDNN supports DT_BOOL only"
)


@contextlib.contextmanager
def without_noise() -> Iterator[None]:
    """Holds back what is written to the standard error, also below Python.

    At the end, or after an exception, what is not noise is written. Later,
    TensorFlow shows errors only, unless TF_CPP_MIN_LOG_LEVEL says otherwise.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (OSError, ValueError):
        # There is no standard error.
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            lines = [line for line in held if not _NOISE.match(line)]
            with contextlib.suppress(OSError):
                os.write(2, b"".join(lines))


@contextlib.contextmanager
def without_collection() -> Iterator[None]:
    """Pauses the garbage collector, then exempts what there is from it.

    For imports: hundreds of thousands of objects that stay until the end. The
    collector would pass over them again and again, while modules are imported
    and while steps are traced, which takes a second of a short training.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
