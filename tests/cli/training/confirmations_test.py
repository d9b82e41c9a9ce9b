import types

import numpy as np
import pytest

from keras_cem.cli.training.confirmations import ConfirmedStop


class Model:
    seed = 2**32 - 1
    stop_training = False
    has_validation = True

    def __init__(self, returns):
        self.returns = np.array(returns, np.float32)
        self.asked = []

    def collect(self, env, episodes, **kwargs):
        self.asked.append((env, episodes, kwargs))
        return types.SimpleNamespace(returns=self.returns)


def end_epoch(first, second, threshold=10.0):
    stop = ConfirmedStop(threshold, "Env-v0", 4, engine="host")
    stop.set_model(Model(second))
    logs = {"val_episode_return": first}
    stop.on_epoch_end(0, logs)
    return stop.model, logs["val_episode_return"]


def test_below_the_threshold_nothing_is_played():
    model, logged = end_epoch(9.9, [99] * 4)
    assert (model.asked, model.stop_training, logged) == ([], False, 9.9)


def test_confirmed_stops_and_logs_the_other_episodes():
    model, logged = end_epoch(30, [12, 12, 14, 14])
    assert model.stop_training
    assert logged == 13
    # Other episodes than those of the agent's own seed.
    assert model.asked == [("Env-v0", 4, {"seed": 0, "engine": "host"})]


@pytest.mark.parametrize("second", [[9, 9, 9, 9], [4, 18, 4, 18]])
def test_luck_goes_on_and_is_logged_below_the_threshold(second):
    # 11 exceeds 10, but not by its standard error, 7 / sqrt(4).
    model, logged = end_epoch(30, second)
    assert not model.stop_training
    assert logged < 10
    assert logged == pytest.approx(min(np.mean(second), 10))
