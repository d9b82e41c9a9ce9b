"""What needs no agent starts without TensorFlow, which takes seconds."""

import gc
import os

import pytest

from keras_cem.cli import quiet_start
from tests import processes

# Processor seconds; it takes about 0.25.
LIMIT = 0.7


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["list"], 0),
        (["train", "--help"], 0),
        (["train", "--env=CartPole-v1", "--output=x", "--epochs=0"], 2),
    ],
    ids=["help", "list", "help of a command", "wrong flag"],
)
def test_answer_comes_soon(arguments, code):
    before = os.times()
    ended = processes.run(
        "-X", "importtime", "-m", "keras_cem.cli.main", *arguments, code=code
    )
    after = os.times()
    imported = {
        line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()
    }
    assert "keras_cem.cli.flags.train_flags" in imported
    assert not {"keras", "tensorflow", "keras_cem.agent"} & imported
    taken = (
        after.children_user
        + after.children_system
        - before.children_user
        - before.children_system
    )
    assert taken <= LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("verbose", [False, True])
def test_machine_is_not_talked_about_unless_asked_for(verbose):
    """Nor does the command line keep from others what is found on demand."""
    more = ["-v"] if verbose else []
    code = (
        "import sys; sys.argv[0] = 'bin/keras-cem'; import keras_cem;"
        "from keras_cem.cli.main import main;"
        "assert 'keras' not in sys.modules;"
        "code = main(sys.argv[1:]);"
        "from keras_cem import CEMAgent, Trajectories, callbacks, networks;"
        "import keras; print(keras.saving.get_registered_name(CEMAgent));"
        "import tensorflow as tf; x = tf.constant([[True, False]] * 2);"
        "tf.function(tf.transpose)(x);"
        "sys.exit(code)"
    )
    ended = processes.run(
        *("-c", code, "evaluate", "--run=never", *more),
        code=2,
        without=["TF_CPP_MIN_LOG_LEVEL"],
    )
    first, *_, last = ended.stderr.splitlines()
    # Nor is it later, when functions run.
    assert last == "See keras-cem evaluate --help."
    assert first.startswith("keras-cem evaluate: ") != verbose
    assert ended.stdout.strip() == "keras_cem>CEMAgent"


def test_real_errors_are_shown(capfd):
    with quiet_start.without_noise():
        os.write(2, b"I0000 00:00:1.2 7 port.cc:153] oneDNN custom\n")
        os.write(2, b"E0000 00:00:1.2 7 cuda.cc:52] failed call to cuInit: 3\n")
        os.write(2, b"E0000 00:00:1.2 7 cuda.cc:52] out of memory\n")
        os.write(2, b"any other line\n")
    assert capfd.readouterr().err == (
        "E0000 00:00:1.2 7 cuda.cc:52] out of memory\nany other line\n"
    )


def test_what_is_imported_is_exempt_from_collection():
    try:
        with quiet_start.without_collection():
            assert not gc.isenabled()
        assert gc.isenabled()
        assert gc.get_freeze_count()
    finally:
        gc.unfreeze()


def test_collection_that_is_off_stays_off():
    gc.disable()
    try:
        with quiet_start.without_collection():
            pass
        assert not gc.isenabled()
        assert not gc.get_freeze_count()
    finally:
        gc.enable()
