import os
import signal
import threading

import pytest

from keras_cem.saving.interrupts import HeldSignals, TrainingInterrupted
from tests import processes

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def signals_raise():
    with processes.signals_raise():
        yield


def _held():
    return HeldSignals("one moment.", lambda: "said at the end")


@pytest.mark.parametrize("signum", SIGNALS)
def test_signal_is_raised_at_the_end(signum, capfd):
    done = []

    def work():
        with _held() as held:
            assert held.received is None
            signal.raise_signal(signum)
            assert held.received == signum
            done.append(True)

    with pytest.raises(TrainingInterrupted, match="said at the end") as error:
        work()
    assert done == [True]
    assert error.value.signum == signum
    assert isinstance(error.value, KeyboardInterrupt)
    name = signal.Signals(signum).name
    assert f"{name}: one moment." in capfd.readouterr().err


@pytest.mark.parametrize(
    ("second", "expected"),
    [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)],
)
def test_second_signal_does_at_once_what_it_always_does(second, expected):
    done = []

    def work():
        with _held():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(second)
            done.append(True)

    with pytest.raises(expected) as error:
        work()
    assert not isinstance(error.value, TrainingInterrupted)
    assert done == []


def test_handlers_are_those_of_before():
    before = [signal.getsignal(signum) for signum in SIGNALS]
    with _held():
        assert [signal.getsignal(signum) for signum in SIGNALS] != before
    assert [signal.getsignal(signum) for signum in SIGNALS] == before


def test_notice_that_nobody_reads_is_no_error():
    """As where Ctrl-C has ended the `tee` that stderr is piped to."""

    def work():
        with _held() as held:
            signal.raise_signal(signal.SIGINT)
            assert held.received == signal.SIGINT

    reads, writes = os.pipe()
    os.close(reads)
    stderr = os.dup(2)
    os.dup2(writes, 2)
    try:
        with pytest.raises(TrainingInterrupted):
            work()
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(writes)


def test_another_error_goes_first():
    def work():
        with _held():
            signal.raise_signal(signal.SIGINT)
            raise RuntimeError("of the work")

    with pytest.raises(RuntimeError, match="of the work"):
        work()


def test_ignored_signals_stay_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with _held() as held:
        signal.raise_signal(signal.SIGINT)
        assert held.received is None


def test_other_threads_hold_nothing():
    before = [signal.getsignal(signum) for signum in SIGNALS]
    seen = []

    def work():
        with _held():
            seen.extend(signal.getsignal(signum) for signum in SIGNALS)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == before


def test_check_raises_what_was_held_back():
    before = [signal.getsignal(signum) for signum in SIGNALS]
    done = []

    def work():
        with HeldSignals("wait", lambda: "kept") as held:
            held.check()
            signal.raise_signal(signal.SIGINT)
            done.append("held back")
            held.check()
            done.append("not raised")

    with pytest.raises(TrainingInterrupted, match="kept") as caught:
        work()
    assert caught.value.signum == signal.SIGINT
    assert done == ["held back"]
    assert [signal.getsignal(signum) for signum in SIGNALS] == before
