"""How many episodes are played side by side."""

import pytest
import tensorflow as tf

from keras_cem import envs
from keras_cem.engines.graph.blocks import MOST_ROWS, rows_at_once

PRIME = 65537


class Stateful(type(envs.make("CartPole-v1"))):
    stateful = True


@pytest.mark.parametrize(
    ("batch_size", "rows"),
    [
        (1, 1),
        (MOST_ROWS, MOST_ROWS),
        (2 * MOST_ROWS, MOST_ROWS),
        (65536, MOST_ROWS),
        (10000, 2500),
        (100000, 4000),
        (PRIME, PRIME),
    ],
)
def test_no_more_than_a_cache_holds(monkeypatch, batch_size, rows):
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [])
    assert rows_at_once(batch_size, envs.make("CartPole-v1")) == rows


def test_a_gpu_plays_all_at_once(monkeypatch):
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [kind])
    assert rows_at_once(65536, envs.make("CartPole-v1")) == 65536


def test_rows_of_a_stateful_environment_stay_together():
    assert rows_at_once(65536, Stateful()) == 65536
