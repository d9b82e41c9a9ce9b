"""What a policy was, taken, put back and written."""

import io
import zipfile

import keras
import numpy as np
import pytest

from keras_cem.pictures import policy_snapshots
from keras_cem.pictures.policy_snapshots import Snapshots


def make_policy():
    return keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(3),
            # Statistics, and a generator of random numbers.
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(1),
        ]
    )


def make_snapshots(**others):
    arrays = {
        "iterations": np.array([1, 3]),
        "env_steps": np.array([10, 30]),
        "weights": np.arange(6, dtype=np.float32).reshape(2, 3),
    }
    return Snapshots(**{**arrays, **others})


def test_a_policy_is_what_it_was_and_then_what_it_is():
    policy, other = make_policy(), make_policy()
    inputs = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    then, now = policy(inputs).numpy(), other(inputs).numpy()
    weights = policy_snapshots.take(policy)
    # Of two layers, and a scale, an offset, a mean and a variance for three.
    assert weights.shape == (2 * 3 + 3 + 4 * 3 + 3 + 1,)
    assert weights.dtype == np.float32
    with policy_snapshots.put(other, weights):
        np.testing.assert_array_equal(other(inputs), then)
    np.testing.assert_array_equal(other(inputs), now)
    assert not np.allclose(then, now)


def test_a_policy_is_what_it_is_after_an_error():
    policy = make_policy()
    before = policy_snapshots.take(policy)
    with (
        pytest.raises(ZeroDivisionError),
        policy_snapshots.put(policy, np.zeros_like(before)),
    ):
        _ = 1 / 0
    np.testing.assert_array_equal(policy_snapshots.take(policy), before)


@pytest.mark.parametrize("size", [0, 24, 26])
def test_weights_of_another_policy_are_refused(size):
    with (
        pytest.raises(ValueError, match=rf"shape \(25,\).*shape \({size},\)"),
        policy_snapshots.put(make_policy(), np.zeros(size, np.float32)),
    ):
        pass


def test_a_policy_without_weights_has_none():
    policy = keras.layers.Identity()
    assert policy_snapshots.take(policy).shape == (0,)
    with policy_snapshots.put(policy, np.zeros(0, np.float32)):
        pass


def test_a_file_has_what_was_written(tmp_path):
    written = make_snapshots()
    policy_snapshots.write(tmp_path / "p.npz", written)
    read = policy_snapshots.read(tmp_path / "p.npz")
    for name, array in vars(written).items():
        np.testing.assert_array_equal(getattr(read, name), array)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("weights", np.zeros(2)),
        ("weights", np.full((2, 3), np.nan)),
        ("weights", np.array([["a", "b", "c"]] * 2)),
        ("iterations", np.array([1])),
        ("env_steps", np.zeros((2, 1))),
    ],
)
def test_arrays_of_another_shape_are_refused(name, array, tmp_path):
    policy_snapshots.write(tmp_path / "p.npz", make_snapshots(**{name: array}))
    with pytest.raises(
        ValueError, match=r"a file written by `PolicyLogger`.*" + name
    ):
        policy_snapshots.read(tmp_path / "p.npz")


def test_objects_are_not_unpickled(tmp_path):
    arrays = vars(make_snapshots(weights=np.array([[{}], [{}]], object)))
    np.savez(tmp_path / "p.npz", **arrays)
    with pytest.raises(ValueError, match="a file written by `PolicyLogger`"):
        policy_snapshots.read(tmp_path / "p.npz")


def test_a_size_that_is_declared_and_not_there_is_refused(tmp_path):
    path = tmp_path / "p.npz"
    policy_snapshots.write(path, make_snapshots())
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        content, {"descr": "<f4", "fortran_order": False, "shape": (2, 2**55)}
    )
    members["weights.npy"] = content.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    with pytest.raises(ValueError, match="a file written by `PolicyLogger`"):
        policy_snapshots.read(path)


def test_what_is_too_large_or_none_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "p.npz"
    path.write_bytes(b"PK no archive")
    with pytest.raises(ValueError, match="BadZipFile"):
        policy_snapshots.read(path)
    # Small as a file, and large in memory.
    large = make_snapshots(weights=np.zeros((2, 100_000)))
    np.savez_compressed(path, **vars(large))
    monkeypatch.setattr(policy_snapshots, "_MAX_SIZE", 100_000)
    assert path.stat().st_size < 100_000
    with pytest.raises(ValueError, match="too large"):
        policy_snapshots.read(path)
