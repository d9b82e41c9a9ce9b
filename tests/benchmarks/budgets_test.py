import pytest

from benchmarks import budgets
from benchmarks.budgets import Budget


@pytest.fixture(autouse=True)
def clocks(monkeypatch):
    """10 wall and 4 processor seconds have passed since Unix time 100."""
    monkeypatch.setattr(budgets.time, "time", lambda: 110.0)
    monkeypatch.setattr(budgets.time, "process_time", lambda: 4.0)


def test_used_is_since_the_start_by_either_clock():
    assert Budget(100.0, 1.0).used() == (10.0, 4.0)


@pytest.mark.parametrize(
    ("seconds", "processor_seconds", "left"),
    [
        (40.0, 0.0, 0.75),
        (40.0, 8.0, 0.75),
        (20.0, 40.0, 0.9),
        # The wall's have passed, the processor's have not, and the reverse.
        (5.0, 8.0, 0.5),
        (20.0, 2.0, 0.5),
        (10.0, 0.0, 0.0),
        (5.0, 2.0, 0.0),
    ],
)
def test_it_is_used_up_once_both_have_passed(seconds, processor_seconds, left):
    assert Budget(100.0, seconds, processor_seconds).left() == pytest.approx(
        left
    )
