"""In-graph environments: what they take of memory."""

import os

import pytest

from keras_cem import envs
from keras_cem.adapters import in_graph
from keras_cem.engines.graph import memory_estimate
from keras_cem.engines.playing import Options
from keras_cem.utils import devices
from tests import processes


def open_with(monkeypatch, present, size, steps, of_gpu=None):
    pages = {"SC_PAGE_SIZE": 1, "SC_PHYS_PAGES": present}
    monkeypatch.setattr(os, "sysconf", pages.__getitem__)
    monkeypatch.setattr(devices, "gpu_memory", lambda: of_gpu)
    return in_graph.open_source(
        envs.make("CartPole-v1"), Options(size, max_episode_steps=steps)
    )


def test_memory_is_estimated_from_states_actions_and_the_peak(monkeypatch):
    size, steps = 1000, 50
    # Four float32 and an int8.
    stored = 17 * size * steps
    source = open_with(monkeypatch, 2 * stored, size, steps)
    assert memory_estimate.stored_bytes(source, 16) == stored
    with pytest.raises(
        ValueError,
        match=r"batch_size=1000, max_episode_steps=50, which take about 0\.0 "
        r"GiB",
    ):
        open_with(monkeypatch, int(1.5 * stored), size, steps)


def test_refusal_names_what_is_needed_and_what_is_there(monkeypatch):
    with pytest.raises(
        ValueError,
        # 1.6 * 17 * 10**6 * 500 / 2**30
        match=r"batch_size=1000000, .* which take about 12\.7 GiB of 8\.0 GiB",
    ):
        open_with(monkeypatch, 8 * 2**30, 10**6, 500)


def test_memory_of_a_gpu_is_what_counts_where_there_is_one(monkeypatch):
    open_with(monkeypatch, 1, 1000, 500, of_gpu=80 * 2**30)
    with pytest.raises(
        ValueError,
        match=r"must fit in the GPU's memory\..* 12\.7 GiB of 8\.0 GiB",
    ):
        open_with(monkeypatch, 2**50, 10**6, 500, of_gpu=8 * 2**30)


def test_steps_that_int32_cannot_number_are_refused(monkeypatch):
    most = 2**31 - 1 - 65536
    open_with(monkeypatch, 2**50, most, 1)
    with pytest.raises(
        ValueError,
        match=r"must be at most 2,147,418,111\. Received: "
        r"batch_size=4294837, max_episode_steps=500\.$",
    ):
        open_with(monkeypatch, 2**50, most // 500 + 1, 500)


@pytest.mark.slow
def test_training_takes_little_more_than_what_is_stored():
    """0.13 GiB are stored; a comparison of all with all took 4.6 GiB."""
    ended = processes.run(
        "-m", "benchmarks.memory", "--alone", "--batch_sizes=16384"
    )
    size, stored, added, *_ = ended.stdout.split()
    assert int(size) == 16384
    assert float(stored) == pytest.approx(17 * 16384 * 500 / 2**30, abs=1e-3)
    assert float(added) < 1.0
