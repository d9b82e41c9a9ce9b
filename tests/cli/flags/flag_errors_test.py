import pytest

from keras_cem.cli.main import main

ENV, OUTPUT = "--env=CartPole-v1", "--output=nowhere"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            [],
            "--output must be given.\n"
            "--env must be given, except with --resume.",
        ),
        ([ENV], "--output must be given."),
        (["--epoch=3"], "there is no flag --epoch. Did you mean --epochs?"),
        (["--wobbly=3"], "there is no flag --wobbly."),
        (
            ["--epochs=0"],
            "--epochs must be an integer, at least 1. Received: --epochs=0",
        ),
        (
            ["--epochs=few"],
            "--epochs must be an integer. Received: --epochs=few",
        ),
        (
            ["--learning_rate=small"],
            "--learning_rate must be a number. Received: --learning_rate=small",
        ),
        (
            ["--elite_quantile=1.5"],
            "--elite_quantile must be a number from 0 to 1. Received: "
            "--elite_quantile=1.5",
        ),
        (
            ["--progress=much"],
            "--progress must be one of auto, bar, line, none. Received: "
            "--progress=much",
        ),
        (
            ["--env_kwargs=[3]"],
            "--env_kwargs must be a JSON object such as "
            "'{\"is_slippery\": false}'. Received: --env_kwargs=[3]",
        ),
        (
            [ENV, OUTPUT, "--stop_at=nan"],
            "--stop_at must be finite. Received: --stop_at=nan",
        ),
    ],
)
def test_wrong_flags_are_refused_in_plain_words(arguments, message, capsys):
    assert main(["train", *arguments]) == 2
    assert capsys.readouterr().err == (
        f"keras-cem train: {message}\nSee keras-cem train --help.\n"
    )
