import json

import numpy as np

from keras_cem.cli.playground import coordinates, views
from keras_cem.engines.trajectories import Chosen, Trajectories


def make(size, steps, seed=0):
    generator = np.random.default_rng(seed)
    mask = np.ones((size, steps), bool)
    return Trajectories(
        generator.normal(size=(size, steps, 2)).astype(np.float32),
        np.zeros((size, steps), np.int64),
        np.ones((size, steps), np.float32),
        mask,
        np.ones(size, bool),
    )


def plane_of(trajectories, ranges=((-5.0, 5.0), (-5.0, 5.0))):
    found = coordinates.of(trajectories, None, "Mine-v0")
    return views.Plane(found, (0, 1), ranges)


def test_points_are_thousandths_of_the_ranges():
    trajectories = make(1, 1)._replace(
        observations=np.array([[[0.0, 5.0]]], np.float32)
    )
    plane = plane_of(trajectories, ((-1.0, 1.0), (0.0, 20.0)))
    assert plane.points(0, 1, 10) == [500, 250]


def test_paths_have_a_limit_for_any_number_and_length_of_episodes():
    for size, steps in ((2, 5000), (500, 300), (40, 3)):
        trajectories = make(size, steps)
        paths = views.paths(trajectories, plane_of(trajectories))
        assert len(paths) == min(size, views.MAX_PATHS)
        assert len(json.dumps(paths)) < 100_000
        assert all(len(path["points"]) <= 2 * steps for path in paths)


def test_last_step_of_a_long_episode_is_shown():
    rows = views.thinned(1001, 10)
    assert len(rows) == 10
    assert rows[0] == 0
    assert rows[-1] == 1000


def test_histogram_counts_the_finite_returns():
    returns = np.array([1.0, 2.0, 2.0, np.nan, np.inf], np.float32)
    found = views.histogram(returns)
    assert sum(found["counts"]) == found["size"] == 3
    assert found["edges"][0] == 1
    assert found["edges"][-1] == 2
    assert found["quantiles"][50] == 2
    assert views.histogram(returns[3:])["quantiles"] == []


def test_equal_returns_have_a_histogram():
    found = views.histogram(np.full(5, 7.0, np.float32))
    assert found["edges"][0] < 7 < found["edges"][-1]
    assert sum(found["counts"]) == 5


def test_selection_counts_elites_in_the_bins_of_the_histogram():
    returns = np.array([1.0, 2.0, 3.0, 4.0, np.nan], np.float32)
    chosen = Chosen(np.float32(2.5), np.array([0, 0, 1, 1, 0], bool))
    found = views.selection(returns, chosen, 0.5, 5)
    assert found["number"] == 2
    assert found["size"] == 4
    assert found["threshold"] == 2.5
    assert found["elite"] == [0, 0, 1, 1, 0]
    every = views.histogram(returns)["counts"]
    assert all(
        elite <= count
        for elite, count in zip(found["counts"], every, strict=True)
    )
    assert sum(found["counts"]) == 2


def test_steps_have_advantages_and_elites():
    trajectories = make(2, 3)
    advantages = np.arange(6.0, dtype=np.float32).reshape(3, 2)
    found = views.steps_of(
        plane_of(trajectories), 1, 3, advantages, advantages > 2.5
    )
    assert found["advantages"] == [1, 3, 5]
    assert found["elite"] == [0, 1, 1]
    assert len(found["points"]) == 6


def test_what_is_not_finite_is_null():
    assert views.rounded(np.array([[1.5, np.nan]])) == [[1.5, None]]
