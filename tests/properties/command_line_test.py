"""Whatever is typed, no traceback comes back."""

import pytest
from absl import flags
from hypothesis import given
from hypothesis import strategies as st

from keras_cem.cli.commands import evaluate, export, train, tune
from keras_cem.cli.console import CommandError
from keras_cem.cli.main import main
from keras_cem.cli.run.folder import RunFolder
from tests import strategies

COMMANDS = {
    "train": train,
    "evaluate": evaluate,
    "export": export,
    "tune": tune,
}


def _names(command):
    values = flags.FlagValues()
    COMMANDS[command].define_flags(values)
    return sorted(values)


# As the arguments of a process can be.
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(
    lambda word: "\0" not in word
)
numbers = st.one_of(
    st.sampled_from(["nan", "inf", "-inf", "-0.0", "1e999", "0x10", "1_0"]),
    st.integers(-20, 20).map(str),
    st.floats(-2, 2).map(str),
    st.text("0123456789,.-x ", max_size=4),
)


def _is_help(arguments):
    return bool({"--help", "-h", "-help", "help"} & set(arguments))


@pytest.mark.slow
@strategies.examples(100)
@given(st.lists(words, max_size=4))
def test_any_words_are_a_command_or_refused(arguments):
    assert main(arguments) == (0 if _is_help(arguments) else 2)


@strategies.examples(100)
@given(st.data())
def test_any_value_of_any_flag_is_taken_or_refused(data):
    """Without what is required, or a run folder, so that nothing runs."""
    command = data.draw(st.sampled_from(sorted(COMMANDS)))
    name = data.draw(st.sampled_from(_names(command)))
    value = data.draw(words | numbers)
    assert main([command, f"--{name}={value}"]) == 2


NETWORK_FLAGS = (
    "hidden_units",
    "activation",
    "network",
    "agent_kwargs",
    "optimizer",
)


@pytest.fixture(scope="module")
def no_folder():
    """Ends `train` where all that can be refused was."""

    def create(self, *, overwrite):
        raise CommandError("nothing was refused")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "create", create)
        yield


@strategies.examples(40)
@given(st.data())
def test_any_settings_of_training_are_taken_or_refused(no_folder, data):
    left_out = {"env", "output", "resume", "run", "plot", "help"}
    names = sorted(set(_names("train")) - left_out)
    drawn = data.draw(
        st.dictionaries(
            st.sampled_from(names) | st.sampled_from(NETWORK_FLAGS),
            words | numbers,
            min_size=1,
            max_size=3,
        )
    )
    arguments = [f"--{name}={value}" for name, value in drawn.items()]
    required = ["--env=CartPole-v1", "--output=never", "--noplot"]
    assert main(["train", *required, *arguments]) == 2
