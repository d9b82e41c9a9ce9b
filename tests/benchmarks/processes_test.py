import pytest

from benchmarks import processes


def test_what_it_printed_and_how_long_it_took():
    ended = processes.run("timeit", "--number=1", "--repeat=1", "sum(range(9))")
    assert ended.printed.startswith("1 loop, best of 1:")
    assert ended.seconds > 0
    assert ended.processor_seconds > 0


def test_what_a_failed_one_complained_about_is_told():
    with pytest.raises(RuntimeError, match="NameError: name 'wobbly'"):
        processes.run("timeit", "--number=1", "wobbly")
