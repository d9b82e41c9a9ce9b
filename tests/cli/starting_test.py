"""What needs no agent starts without TensorFlow, which takes seconds."""

import os

import pytest

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


def test_command_line_finds_the_parts_on_demand():
    code = (
        "import sys; sys.argv[0] = 'bin/keras-cem'; import keras_cem;"
        "assert 'keras' not in sys.modules;"
        "from keras_cem import CEMAgent, Trajectories, callbacks, networks;"
        "import keras; print(keras.saving.get_registered_name(CEMAgent))"
    )
    ended = processes.run("-c", code)
    assert ended.stdout.strip() == "keras_cem>CEMAgent"
