import importlib.util
import sys

import numpy as np
import pytest

from tests import processes

pytestmark = pytest.mark.slow

SCRIPT = processes.ROOT / "examples" / "playground.py"


@pytest.fixture(scope="module")
def playground():
    spec = importlib.util.spec_from_file_location("playground", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up.
    sys.modules["playground"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["playground"]


def test_script_prints_scores_and_draws(tmp_path):
    output = tmp_path / "new" / "picture.png"
    finished = processes.run(
        SCRIPT,
        f"--output={output}",
        "--datasets=circle,plane",
        "--networks=1x1,2x3",
        "--epochs=2",
        "--num_points=40",
        "--activation=arctan",
        "--optimizer=adadelta",
        "--l2=0.01",
        "--dropout=0.1",
        "--batch_normalization",
    )
    cases = [line.split()[:3] for line in finished.stdout.splitlines()[1:5]]
    assert cases == [
        ["circle", "1x1", "accuracy"],
        ["circle", "2x3", "accuracy"],
        ["plane", "1x1", "R^2"],
        ["plane", "2x3", "R^2"],
    ]
    assert output.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


@pytest.mark.parametrize("name", ["circle", "xor", "spiral"])
def test_classes_are_balanced_points_of_the_plane(playground, name):
    dataset = playground.make_dataset(name, 200, 0.0, seed=0)
    assert dataset.points.shape == (200, 2)
    assert np.abs(dataset.points).max() <= playground.EXTENT
    assert not dataset.is_regression
    assert set(dataset.targets) == {0, 1}
    assert 0.4 < dataset.targets.mean() < 0.6


def test_classes_are_where_they_are_said_to_be(playground):
    circle = playground.make_dataset("circle", 200, 0.0, seed=0)
    radius = np.hypot(*circle.points.T)
    assert (radius[circle.targets == 1] <= 2.5).all()
    assert (radius[circle.targets == 0] >= 3.49).all()
    xor = playground.make_dataset("xor", 200, 0.0, seed=0)
    np.testing.assert_array_equal(xor.points.prod(axis=1) > 0, xor.targets == 1)


@pytest.mark.parametrize("name", ["plane", "gaussian"])
def test_values_lie_between_minus_one_and_one(playground, name):
    dataset = playground.make_dataset(name, 200, 0.0, seed=0)
    assert dataset.is_regression
    assert np.abs(dataset.targets).max() <= 1.0
    assert dataset.targets.std() > 0.1


def test_three_neurons_enclose_a_circle_and_one_does_not(playground):
    dataset = playground.make_dataset("circle", 400, 0.1, seed=0)
    settings = {"epochs": 150, "learning_rate": 0.02, "activation": "tanh"}
    one = playground.train(dataset, "1x1", **settings)
    three = playground.train(dataset, "1x3", **settings)
    assert one.test_score < 0.8
    assert three.test_score > 0.95
    # The surface says the same as the score.
    values = playground.surface(three.model, dataset.points[200:])
    agreement = np.mean((values > 0) == (dataset.targets[200:] == 1))
    assert agreement == pytest.approx(three.test_score)


def test_training_repeats_with_its_seed(playground):
    dataset = playground.make_dataset("plane", 100, 0.1, seed=0)
    weights = [
        playground.train(
            dataset, "1x3", epochs=2, dropout=0.1, seed=seed
        ).model.get_weights()
        for seed in (0, 0, 1)
    ]
    for first, second in zip(weights[0], weights[1], strict=True):
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(weights[0][0], weights[2][0])


@pytest.mark.parametrize("network", ["4", "x8", "4x", "axb", "4x8x2"])
def test_network_of_another_form_is_refused(playground, network):
    with pytest.raises(ValueError, match=f"Received: networks='{network}'"):
        playground.parse_network(network)


def test_unknown_dataset_is_refused_before_training(playground, tmp_path):
    with pytest.raises(ValueError, match=r"from circle, .* datasets='ring'"):
        playground.run(tmp_path / "p.png", ["circle", "ring"], ["1x1"])


def test_cross_entropy_of_values_is_refused_before_training(
    playground, tmp_path
):
    with pytest.raises(ValueError, match=r"set plane.*loss='cross_entropy'"):
        playground.run(
            tmp_path / "p.png",
            ["circle", "plane"],
            ["1x1"],
            loss="cross_entropy",
        )


def test_missing_matplotlib_names_the_extra(playground, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'keras-cem\[plot\]'"):
        playground.run(tmp_path / "p.png", ["circle"], ["1x1"])
