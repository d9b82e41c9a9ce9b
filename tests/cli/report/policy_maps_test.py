"""Maps over iterations, made and read."""

import json

import numpy as np
import pytest

from keras_cem import spaces
from keras_cem.cli.report import policy_maps
from keras_cem.pictures.policy_slice import PolicySlice
from keras_cem.pictures.policy_snapshots import Snapshots
from tests.pictures.plots.plots_test import agent_of

RANGES = [(-1.0, 1.0), (-2.0, 2.0)]
BOX = spaces.Box([-2.0], [2.0])


def make(action_space, kernels, **options):
    agent = agent_of(action_space, kernels[-1], **options)
    over = PolicySlice(agent, np.zeros(2), (0, 1), RANGES)
    weights = np.array(kernels, np.float32).reshape(len(kernels), -1)
    numbers = np.arange(len(kernels))
    return policy_maps.make(over, Snapshots(numbers + 1, 10 * numbers, weights))


def grids(maps):
    size = maps["resolution"]
    return [
        np.array(each["values"]).reshape(size, size, -1)
        for each in maps["maps"]
    ]


def test_discrete_actions_are_counted_from_zero():
    # The second action where x, and then where y, is positive.
    maps = make(
        spaces.Discrete(2, start=5), [[[0, 1], [0, 0]], [[0, 0], [0, 1]]]
    )
    assert (maps["kind"], maps["low"], maps["high"]) == ("regions", 5, 6)
    assert [each["iteration"] for each in maps["maps"]] == [1, 2]
    assert [each["env_steps"] for each in maps["maps"]] == [0, 10]
    by_x, by_y = grids(maps)
    right = np.arange(64) >= 32
    np.testing.assert_array_equal(by_x[..., 0], np.tile(right, (64, 1)))
    np.testing.assert_array_equal(by_y[..., 0], np.tile(right, (64, 1)).T)


@pytest.mark.parametrize(
    ("space", "low", "high"),
    [
        (BOX, -2, 2),
        # Without bounds, as far as any of the maps goes.
        (spaces.Box(-np.inf, np.inf, (1,)), -4, 4),
    ],
    ids=["bounded", "unbounded"],
)
def test_one_component_is_a_level(space, low, high):
    maps = make(space, [[[0], [2]], [[1], [0]]], action_scale=1.0)
    assert (maps["kind"], maps["low"], maps["high"]) == ("scale", low, high)
    by_y, by_x = grids(maps)
    x = np.linspace(-1, 1, 64)
    levels = np.round((x - low) / (high - low) * 255)
    np.testing.assert_allclose(by_x[9, :, 0], levels, atol=1)
    y = np.clip(2 * np.linspace(-2, 2, 64), low, high)
    levels = np.round((y - low) / (high - low) * 255)
    np.testing.assert_allclose(by_y[:, 9, 0], levels, atol=1)


def test_several_components_are_arrows():
    maps = make(
        spaces.Box([-9.0] * 3, [9.0] * 3),
        [[[1, 0, 5], [0, 0, 5]], [[0, 0, 5], [0, 2, 5]]],
    )
    assert (maps["kind"], maps["low"], maps["high"]) == ("field", -4, 4)
    by_x, by_y = grids(maps)
    x, y = np.linspace(-1, 1, 16), 2 * np.linspace(-2, 2, 16)
    np.testing.assert_allclose(by_x[3, :, 0], 25 * x, atol=0.51)
    np.testing.assert_array_equal(by_x[..., 1], 0)
    np.testing.assert_allclose(by_y[:, 3, 1], 25 * y, atol=0.51)


def test_a_file_has_what_was_made(tmp_path):
    maps = make(BOX, [[[1], [0]]])
    path = tmp_path / "maps.json"
    assert policy_maps.read(path) is None
    path.write_text(json.dumps(maps))
    assert policy_maps.read(path) == maps


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "<script>"},
        {"kind": []},
        {"resolution": 10**6},
        {"dimensions": [0]},
        {"dimensions": ["x", "y"]},
        {"ranges": [[0, 1], [1, 1]]},
        {"ranges": [[0, 1]]},
        {"ranges": [[0, "1e999"], [0, 1]]},
        {"low": None},
        {"maps": []},
        {"maps": [{"iteration": 1, "env_steps": 1, "values": [0]}]},
        {"maps": [{"iteration": 1, "env_steps": 1, "values": ["a"] * 4096}]},
        {"maps": {"iteration": 1}},
    ],
    ids=json.dumps,
)
def test_what_is_no_such_file_is_refused(change, tmp_path):
    path = tmp_path / "maps.json"
    path.write_text(json.dumps({**make(BOX, [[[1], [0]]]), **change}))
    with pytest.raises(
        ValueError, match="must be a file written by `keras-cem`"
    ):
        policy_maps.read(path)
