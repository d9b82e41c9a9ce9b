import csv
import json
import types

import numpy as np
import pytest
from absl import flags

from keras_cem.cli import settings, train_flags
from keras_cem.cli.confirmed_best import ConfirmedBest
from keras_cem.cli.confirmed_stop import ConfirmedStop
from keras_cem.cli.main import main

GIVEN = (
    "--env=CartPole-v1",
    "--nopreset",
    "--seed=1",
    "--epochs=3",
    "--steps_per_epoch=1",
    "--validation_episodes=3",
    "--episodes=3",
    "--stop_at=500",
    "--noplot",
)


class Model:
    seed = 2**32 - 1
    stop_training = False

    def __init__(self, returns):
        self.returns = iter(returns)
        self.asked = []

    def collect(self, env, episodes, **kwargs):
        self.asked.append((env, episodes, kwargs))
        return types.SimpleNamespace(
            returns=np.array(next(self.returns), np.float32)
        )


def confirming(*returns):
    best = ConfirmedBest("Env-v0", 4, engine="host")
    best.set_model(Model(returns))
    return best


def end_epochs(best, *first):
    logged = []
    for epoch, value in enumerate(first):
        logs = {"val_episode_return": value}
        best.on_epoch_end(epoch, logs)
        logged.append(logs["val_episode_return"])
    return logged


def test_the_best_so_far_is_the_mean_of_both():
    best = confirming([1, 2, 3, 4])
    assert end_epochs(best, 10.0) == [6.25]
    # Other episodes than those of the agent's own seed and the one after it.
    assert best.model.asked == [("Env-v0", 4, {"seed": 1, "engine": "host"})]


def test_what_is_not_better_is_not_played_again():
    best = confirming([10] * 4)
    assert end_epochs(best, 10.0, 10.0, 9.0) == [10, 10, 9]
    assert len(best.model.asked) == 1


def test_luck_does_not_hide_what_is_better_than_its_mean():
    # 30 was luck: 20, after which 26 may still be the best.
    best = confirming([10] * 4, [24] * 4, [0] * 4)
    assert end_epochs(best, 30.0, 26.0, 40.0, 25.0) == [20, 25, 20, 25]


def test_what_ended_training_is_left_as_it_is():
    best = confirming([10] * 4)
    best.model.stop_training = True
    assert end_epochs(best, 30.0) == [30]
    assert best.model.asked == []


def test_what_may_not_stop_does_not_count_as_the_best(tmp_path):
    # 30 does not stop: [4] * 4 makes 4 of it, and [8] * 4 of that 6. So 7 is
    # the best, and repeated as well.
    model = Model([[4] * 4, [8] * 4, [9] * 4])
    values = flags.FlagValues()
    train_flags.define_flags(values)
    values(
        [
            "keras-cem",
            "--env=CartPole-v1",
            f"--output={tmp_path}",
            "--confirm_best",
            "--validation_episodes=4",
        ]
    )
    ours = [
        callback
        for callback in settings.callbacks(values, 10.0, values.env)
        if isinstance(callback, ConfirmedBest | ConfirmedStop)
    ]
    logged = []
    for epoch, first in enumerate([30.0, 7.0]):
        logs = {"val_episode_return": first}
        for callback in ours:
            callback.set_model(model)
            callback.on_epoch_end(epoch, logs)
        logged.append(logs["val_episode_return"])
    assert logged == [6, 8]
    assert [given["seed"] for _, _, given in model.asked] == [0, 1, 1]


def test_goes_on_from_its_state():
    best = confirming([10] * 4)
    end_epochs(best, 10.0)
    other = confirming()
    other.set_state(json.loads(json.dumps(best.get_state())))
    assert end_epochs(other, 9.0) == [9]


@pytest.fixture(scope="module")
def histories(tmp_path_factory):
    """Of the same training, without and with the flag."""
    found = []
    for flag in ("--noconfirm_best", "--confirm_best"):
        folder = tmp_path_factory.mktemp("run") / "run"
        assert main(["train", *GIVEN, f"--output={folder}", flag]) == 0
        with (folder / "history.csv").open() as file:
            found.append(list(csv.DictReader(file)))
    return found


def test_flag_changes_validations_and_nothing_else(histories):
    without, confirmed = (
        [float(row["val_episode_return"]) for row in rows] for rows in histories
    )
    assert confirmed[0] != without[0]
    for rows in zip(*histories, strict=True):
        assert rows[0]["episode_return"] == rows[1]["episode_return"]
