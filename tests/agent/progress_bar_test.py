"""The bar, and that nothing but what is printed depends on it."""

import re
import time

import keras
import pytest

from keras_cem.agent.progress_bar import StepRate
from tests.helpers import fit_briefly


@pytest.fixture(scope="module")
def quiet():
    return fit_briefly()


# Line by line as for a file, and as a bar that is drawn again.
@pytest.mark.slow
@pytest.mark.parametrize("verbose", [1, 2])
def test_bar_shows_steps_a_second_and_history_has_none(quiet, verbose, capsys):
    history = fit_briefly(verbose=verbose)
    printed = capsys.readouterr().out
    rates = re.findall(r"env_steps_per_second: (\d+\.\d+)", printed)
    assert len(rates) >= 2
    assert all(float(rate) > 0 for rate in rates)
    for name in ("episode_return", "elite_threshold", "num_elites", "epsilon"):
        assert f"{name}: " in printed
    assert "env_steps_per_second" not in history
    assert history == quiet


def test_a_bar_of_the_callers_is_the_one(capsys):
    fit_briefly(verbose=1, callbacks=[keras.callbacks.ProgbarLogger()])
    printed = capsys.readouterr().out
    assert printed.count("Epoch 1/2") == 1
    assert "env_steps_per_second" not in printed


@pytest.fixture
def now(monkeypatch):
    """The clock, as a list of one number."""
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


def test_each_epoch_has_its_own(now):
    rate = StepRate(5000)
    for steps, seconds, expected in [(7000, 2, 1000), (16_000, 1, 9000)]:
        rate.begin()
        now[0] += seconds
        rate.stop()
        # Such as a validation.
        now[0] += 50
        assert rate.so_far(steps) == expected
        assert rate.end(steps) == expected


def test_within_an_epoch_it_is_of_what_was_done_so_far(now):
    rate = StepRate()
    rate.begin()
    for steps, expected in [(100, 100), (400, 200)]:
        now[0] += 1
        rate.stop()
        assert rate.so_far(steps) == expected


def test_no_time_is_no_error(now):
    assert StepRate().end(0) == 0
