import io

from keras_cem.cli import console


class Screen(io.StringIO):
    def isatty(self):
        return True


def test_paragraph_is_wrapped_between_words_on_a_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    text = "Settings: epsilon_steps=60, a-long-name=0.125, q=0.5"
    for stream, printed in (
        (io.StringIO(), f"{text}\n"),
        (
            Screen(),
            "Settings:\n  epsilon_steps=60,\n  a-long-name=0.125,\n  q=0.5\n",
        ),
    ):
        monkeypatch.setattr("sys.stdout", stream)
        console.print_paragraph(text)
        assert stream.getvalue() == printed
