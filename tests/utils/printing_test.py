import io
import os

import pytest

from keras_cem.utils import printing


@pytest.fixture
def pipe():
    """What reads from a pipe, and a stream that writes to it."""
    reads, writes = os.pipe()
    reader, writer = os.fdopen(reads), os.fdopen(writes, "w")
    yield reader, writer
    reader.close()
    writer.close()


def test_lines_are_read_at_once(pipe):
    reader, writer = pipe
    printing.say("first", writer)
    assert reader.readline() == "first\n"
    printing.say("second", writer)
    assert reader.readline() == "second\n"


def test_reader_who_is_gone_is_no_error(pipe):
    reader, writer = pipe
    reader.close()
    with pytest.raises(BrokenPipeError):
        print("lost", file=writer, flush=True)
    for line in ("first", "second"):
        printing.say(line, writer)
    # Other lines, too, and what was left in between.
    print("third", file=writer, flush=True)


def test_other_errors_are_raised():
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        printing.say("line", Full())


def test_standard_output_is_where_it_goes(capsys):
    printing.say("line")
    assert capsys.readouterr().out == "line\n"
