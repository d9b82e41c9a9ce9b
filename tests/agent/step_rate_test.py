"""Environment steps a second."""

import time

import pytest

from keras_cem.agent.step_rate import StepRate


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
