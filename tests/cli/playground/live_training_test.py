import json
import time

import gymnasium
import pytest

from keras_cem.cli.playground.live_training import LiveTraining
from keras_cem.cli.playground.settings import Settings


class _Endless(gymnasium.Env):
    """An environment whose episodes take hours; it fails in the end."""

    observation_space = gymnasium.spaces.Box(-1, 1, (1,))
    action_space = gymnasium.spaces.Discrete(2)
    fails = False

    def reset(self, *, seed=None, options=None):
        return self.observation_space.low, {}

    def step(self, action):
        if self.fails:
            raise RuntimeError("Out of fuel.")
        time.sleep(0.01)
        return self.observation_space.low, 0.0, False, False, {}


@pytest.fixture
def endless():
    gymnasium.register("Endless-v0", _Endless, max_episode_steps=10**6)
    yield Settings(env="Endless-v0", batch_size=2)
    del gymnasium.registry["Endless-v0"]


def status(training):
    return json.loads(training.board.since(0)[1]["status"])


def wait_until(true):
    until = time.monotonic() + 60
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_rollout_is_abandoned_at_the_end(endless):
    training = LiveTraining(endless)
    training.start()
    training.act("stage")
    wait_until(lambda: status(training)["busy"] == "play")
    time.sleep(0.5)
    begun = time.monotonic()
    training.close()
    assert time.monotonic() - begun < 10


def test_error_of_an_environment_is_told_and_pauses(endless, monkeypatch):
    training = LiveTraining(endless)
    training.start()
    monkeypatch.setattr(_Endless, "fails", True)
    training.act("run")
    wait_until(lambda: not status(training)["running"])
    assert "Out of fuel." in status(training)["error"]
    # Another environment goes on.
    monkeypatch.setattr(_Endless, "fails", False)
    training.change("seed", 1)
    wait_until(lambda: "Started a new training" in status(training)["note"])
    assert status(training)["error"] == ""
    training.close()


def test_unknown_environment_is_an_error_at_the_start():
    with pytest.raises(ValueError, match="Nothing-v0"):
        LiveTraining(Settings(env="Nothing-v0")).start()


def test_unknown_actions_are_refused(endless):
    with pytest.raises(ValueError, match="no action 'fly'"):
        LiveTraining(endless).act("fly")
