import csv

import keras
import numpy as np
import pytest

from keras_cem import mean_weights
from keras_cem.cli import trial
from keras_cem.cli.judged_means import with_means_judged
from keras_cem.cli.main import main
from keras_cem.cli.run_folder import RunFolder
from tests.cli.parsing import parsed
from tests.cli.small_run import SMALL
from tests.helpers import assert_equal, differ

SETTINGS = (
    *SMALL,
    "--max_episode_steps=100",
    "--nopreset",
    "--seed=3",
    "--learning_rate=0.5",
    "--epochs=4",
)
GIVEN = (*SETTINGS, "--noreport", "--noplot")


def train(folder, *given):
    assert main(["train", *GIVEN, f"--output={folder}", *given]) == 0
    return RunFolder(folder)


def rows(run):
    with run.history.open() as file:
        return list(csv.DictReader(file))


def column(run, name):
    return [float(row[name]) for row in rows(run)]


def last(run):
    return keras.saving.load_model(run.last)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return train(tmp_path_factory.mktemp("plain") / "run")


@pytest.fixture(scope="module")
def averaged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("averaged") / "run"
    return train(folder, "--ema_momentum=0.9")


def assert_close(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


class Seen(keras.callbacks.Callback):
    """The weights where validations are looked at."""

    def __init__(self):
        super().__init__()
        self.epochs, self.tests = [], []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(self.model.policy.get_weights())

    def on_test_batch_end(self, batch, logs=None):
        self.tests.append(self.model.policy.get_weights())


class Pairs(keras.callbacks.Callback):
    """The weights, and their means, at the end of an epoch."""

    def __init__(self):
        super().__init__()
        self.found = []

    def on_epoch_end(self, epoch, logs=None):
        pairs = mean_weights.pairs(self.model.optimizer)
        self.found.append([mean.numpy() for _, mean in pairs])
        assert differ(self.found[-1], [weight.numpy() for weight, _ in pairs])


def test_what_judges_sees_the_means_and_nothing_else_does():
    values = parsed(*SETTINGS, "--ema_momentum=0.9")
    agent = trial.settings.agent(values)
    before, seen, behind = Pairs(), Seen(), Pairs()
    agent.fit(
        callbacks=[before, *with_means_judged([seen]), behind],
        verbose=0,
        **trial.settings.fitting(values, "CartPole-v1"),
    )
    assert len(seen.epochs) == len(seen.tests) == 4
    for found in (seen.epochs, seen.tests, behind.found):
        # Keras swaps by adding and subtracting, which rounds.
        for mean, expected in zip(found, before.found, strict=True):
            assert_close(mean, expected)


def test_training_itself_is_the_same(plain, averaged):
    for name in ("episode_return", "loss", "env_steps"):
        assert column(plain, name) == pytest.approx(column(averaged, name))
    greedy = "val_episode_return"
    assert column(plain, greedy) != column(averaged, greedy)
    assert differ(
        last(plain).policy.get_weights(), last(averaged).policy.get_weights()
    )


def test_means_of_the_last_weights_alone_change_nothing(plain, tmp_path):
    other = train(tmp_path / "run", "--ema_momentum=0")
    assert rows(other) == rows(plain)
    assert_equal(
        last(other).policy.get_weights(), last(plain).policy.get_weights()
    )


def test_goes_on_as_if_it_had_not_stopped(averaged, tmp_path):
    run = train(tmp_path / "run", "--ema_momentum=0.9", "--epochs=2")
    assert (
        main(["train", "--resume", f"--output={run.path}", "--epochs=4"]) == 0
    )
    for name in ("episode_return", "val_episode_return"):
        assert column(run, name) == column(averaged, name)
    assert_equal(
        last(run).policy.get_weights(), last(averaged).policy.get_weights()
    )


def test_what_stops_early_ends_with_the_means(tmp_path):
    given = ["--ema_momentum=0.9", "--stop_at=1"]
    run = train(tmp_path / "run", *given)
    assert len(rows(run)) == 1
    agent = last(run)
    for weight, mean in mean_weights.pairs(agent.optimizer):
        assert_equal([weight.numpy()], [mean.numpy()])
    best = keras.saving.load_model(run.agent)
    assert_equal(best.policy.get_weights(), agent.policy.get_weights())


def test_trials_of_tune_keep_the_means(averaged):
    def train(*given):
        best = []
        agent = trial._trained(
            parsed(*SETTINGS, *given), lambda stages, value: best.append(value)
        )
        return best[-1], agent.policy.get_weights()

    value, weights = train("--ema_momentum=0.9")
    assert value == pytest.approx(max(column(averaged, "val_episode_return")))
    kept = keras.saving.load_model(averaged.agent).policy.get_weights()
    assert_close(weights, kept)


@pytest.mark.parametrize(
    ("momentum", "message"),
    [
        ("1", "must be less than 1, where means never change. Received: "),
        ("1.5", "--ema_momentum=1.5"),
        ("-0.1", "--ema_momentum=-0.1"),
        ("nan", "must be finite"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, capsys, momentum, message):
    folder = tmp_path / "run"
    given = [*GIVEN, f"--output={folder}", f"--ema_momentum={momentum}"]
    assert main(["train", *given]) == 2
    assert message in capsys.readouterr().err
    assert not folder.exists()
