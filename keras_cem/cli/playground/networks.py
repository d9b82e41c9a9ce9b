"""The lecture's networks, trained on points of a plane."""

import dataclasses
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_cem import networks
from keras_cem.cli.playground import views
from keras_cem.cli.playground.board import Board
from keras_cem.cli.playground.curve import Curve
from keras_cem.cli.playground.datasets import (
    DATASETS,
    EXTENT,
    Dataset,
    make_dataset,
)
from keras_cem.cli.playground.settings import ACTIVATIONS
from keras_cem.utils import checks

# Layers and neurons per layer.
SHAPES = ((1, 1), (1, 3), (2, 3), (4, 8))
_NUM_POINTS = 600
_NUM_DRAWN = 200
_BATCH_SIZE = 30
# Epochs at a time, and steps of these.
_EPOCHS = 5
_STEPS = _EPOCHS * _NUM_POINTS // 2 // _BATCH_SIZE
_RESOLUTION = 50
_SEED = 0
_RATES = (0.001, 0.003, 0.01, 0.03, 0.1)
_NOISES = (0.0, 0.2, 0.5, 1.0)


@dataclasses.dataclass(frozen=True)
class NetworkSettings:
    """What the networks learn, and how."""

    dataset: str = "circle"
    activation: str = "arctan"
    learning_rate: float = 0.01
    noise: float = 0.2

    def changed(self, name: str, value: object) -> "NetworkSettings":
        """Returns the settings with one changed.

        Raises:
            ValueError: If there is no such setting, or the value is invalid.
        """
        if name not in CHOICES or value not in CHOICES[name]:
            raise ValueError(f"{name!r:.40} cannot be {value!r:.40}.")
        if checks.is_integer(value):
            value = float(value)
        changes: dict[str, Any] = {name: value}
        return dataclasses.replace(self, **changes)


CHOICES: dict[str, tuple[Any, ...]] = {
    "dataset": tuple(DATASETS),
    "activation": ACTIVATIONS,
    "learning_rate": _RATES,
    "noise": _NOISES,
}


class Networks:
    """Trains the networks of `SHAPES` at once, some epochs at a time.

    It posts the parts `points` and `networks`. One thread uses it. Nothing is
    made before `open`.

    Args:
        board: Where it posts.
    """

    def __init__(self, board: Board):
        self._board = board
        self.settings = NetworkSettings()
        self._models: list[keras.Model] = []

    def open(self) -> None:
        """Makes the networks, unless they are there."""
        if not self._models:
            self.reset()

    def apply(self, settings: NetworkSettings) -> None:
        """Changes the settings. All but the learning rate start anew."""
        before, self.settings = self.settings, settings
        rate = settings.learning_rate
        if dataclasses.replace(before, learning_rate=rate) != settings:
            self.reset()
        for model in self._models:
            model.optimizer.learning_rate = rate

    def reset(self) -> None:
        """Starts anew."""
        settings = self.settings
        self._dataset = make_dataset(
            settings.dataset, _NUM_POINTS, settings.noise, _SEED
        )
        self._models = [
            _make(self._dataset, settings, layers, units)
            for layers, units in SHAPES
        ]
        self._curves = [Curve() for _ in SHAPES]
        self._epoch = 0
        half = _NUM_POINTS // 2
        self._batches = (
            tf.data.Dataset.from_tensor_slices(
                (self._dataset.points[:half], labels(self._dataset)[:half])
            )
            .shuffle(half, seed=_SEED)
            .batch(_BATCH_SIZE)
            .repeat()
        )
        self._board.post(
            points={
                "extent": EXTENT,
                "regression": self._dataset.is_regression,
                "points": views.rounded(
                    np.column_stack(
                        [self._dataset.points, self._dataset.targets]
                    )[half : half + _NUM_DRAWN]
                ),
            }
        )
        self._post()

    def advance(self) -> None:
        """Trains each network for `_EPOCHS` epochs."""
        self._epoch += _EPOCHS
        for model, curve in zip(self._models, self._curves, strict=True):
            # For Keras it is one epoch.
            history = model.fit(
                self._batches,
                steps_per_epoch=_STEPS,
                shuffle=False,
                verbose=0,
            ).history
            curve.add(self._epoch, views.number(history["loss"][0]))
        self._post()

    def _post(self) -> None:
        shown, half = [], _NUM_POINTS // 2
        for shape, model, curve in zip(
            SHAPES, self._models, self._curves, strict=True
        ):
            values = surface(model, _grid())
            shown.append(
                {
                    "layers": shape[0],
                    "units": shape[1],
                    # In thousandths, by rows of y.
                    "surface": np.rint(1000 * values).astype(int).tolist(),
                    "score": views.number(
                        score(model, self._dataset, slice(half, None))
                    ),
                    "curve": curve.rows,
                }
            )
        self._board.post(
            networks={
                "epoch": self._epoch,
                "resolution": _RESOLUTION,
                "networks": shown,
            }
        )


def _make(
    dataset: Dataset, settings: NetworkSettings, layers: int, units: int
) -> keras.Model:
    model = networks.mlp(
        (2,),
        1 if dataset.is_regression else 2,
        hidden_units=(units,) * layers,
        activation=settings.activation,
        seed=_SEED,
        name=f"network_{layers}x{units}",
    )
    model.compile(
        keras.optimizers.Adam(settings.learning_rate),
        "mse"
        if dataset.is_regression
        else keras.losses.CategoricalCrossentropy(from_logits=True),
        jit_compile=False,
        steps_per_execution=_STEPS,
    )
    return model


def labels(dataset: Dataset) -> np.ndarray:
    """Returns values in a column, or classes as one-hot vectors."""
    if dataset.is_regression:
        return dataset.targets[:, None].astype("float32")
    return np.eye(2, dtype="float32")[dataset.targets]


def surface(model: keras.Model, points: np.ndarray) -> np.ndarray:
    """Returns what a network says of each point, in [-1, 1].

    For a classifier 0 is the decision boundary: it is the difference of the
    two classes' probabilities. For a regression it is the value itself.

    Args:
        model: The network.
        points: float32 `(N, 2)`.
    """
    outputs = keras.ops.convert_to_numpy(model(points, training=False))
    if outputs.shape[1] == 1:
        return np.clip(outputs[:, 0], -1.0, 1.0)
    return np.tanh((outputs[:, 1] - outputs[:, 0]) / 2)


def score(model: keras.Model, dataset: Dataset, part: slice) -> float:
    """Returns the accuracy, or R^2, the share of the variance explained.

    Args:
        model: The network.
        dataset: The points.
        part: Which of them.
    """
    targets = dataset.targets[part]
    outputs = keras.ops.convert_to_numpy(
        model(dataset.points[part], training=False)
    )
    if dataset.is_regression:
        errors = targets - outputs[:, 0]
        return float(1.0 - np.mean(errors**2) / np.var(targets))
    return float(np.mean(np.argmax(outputs, axis=1) == targets))


def _grid() -> np.ndarray:
    line = np.linspace(-EXTENT, EXTENT, _RESOLUTION, dtype="float32")
    return np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
