r"""The lecture's networks on the data of TensorFlow's playground.

It trains networks of 1x1, 1x3, 2x3 and 4x8 neurons (layers x neurons per
layer) on classification data (circle, exclusive-or, spiral) and regression data
(plane, gaussian) with plain Keras `fit`, and draws the learned functions:

    python examples/playground.py --output=playground.png
    python examples/playground.py --datasets=circle,spiral --networks=2x3,4x8 \
        --activation=arctan --optimizer=sgd --learning_rate=0.1 --l2=0.001

It prints the accuracy of each classifier and the R^2 of each regression (1 is
perfect, 0 is as good as the mean) on test data. One neuron can only divide the
plane along a line. Three neurons can enclose a circle, a second layer is better
on the exclusive-or, and the spiral needs four layers of eight. The picture
needs matplotlib: pip install 'keras-cem[plot]'.
"""

import dataclasses
import math
import pathlib
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags

from keras_cem import networks
from keras_cem.cli.playground.datasets import (
    DATASETS,
    EXTENT,
    Dataset,
    make_dataset,
)
from keras_cem.cli.playground.networks import labels, score, surface

FLAGS = flags.FLAGS

# Orange and blue are told apart with every kind of colour vision, and the
# classes have markers of their own. Points are darker than what lies below.
_SURFACE_COLORS = ("#f09a4d", "#fbdcbb", "#f8f8f8", "#c3dbef", "#6aa6d8")
_CLASS_COLORS = ("#a63c00", "#08457e")
_CLASS_MARKERS = ("o", "^")
_NUM_DRAWN = 300
_STEPS_PER_EXECUTION = 100


@dataclasses.dataclass(frozen=True)
class Result:
    """A trained network and its test score."""

    dataset: Dataset
    network: str
    model: keras.Model
    train_score: float
    test_score: float


def parse_network(network: str) -> tuple[int, ...]:
    """Reads "4x8", 4 layers of 8 neurons, as (8, 8, 8, 8)."""
    layers, _, neurons = network.partition("x")
    if not (layers.isdecimal() and neurons.isdecimal()):
        raise ValueError(
            "`networks` must be LAYERSxNEURONS, such as 4x8. "
            f"Received: networks={network!r}."
        )
    return (int(neurons),) * int(layers)


def train(
    dataset: Dataset,
    network: str,
    *,
    epochs: int = 200,
    optimizer: str = "adam",
    learning_rate: float = 0.01,
    batch_size: int = 32,
    loss: str = "auto",
    seed: int = 0,
    **knobs: Any,
) -> Result:
    """Fits a network to the first half of the points and scores both halves.

    Args:
        dataset: What to learn.
        network: "LAYERSxNEURONS".
        epochs: Passes over the training half.
        optimizer: Any Keras optimizer's name.
        learning_rate: Its step size.
        batch_size: Points a gradient step.
        loss: `"cross_entropy"` for classes, else any Keras loss for vectors;
            `"auto"` is cross-entropy for classes, `"mse"` for values.
        seed: Of weights and shuffling.
        **knobs: Passed to `networks.mlp`.

    Returns:
        The trained network with its accuracies, or R^2 for a regression.
    """
    model = networks.mlp(
        (2,),
        1 if dataset.is_regression else 2,
        hidden_units=parse_network(network),
        seed=seed,
        name=f"{dataset.name}_{network}",
        **knobs,
    )
    half = len(dataset.points) // 2
    steps = epochs * math.ceil(half / batch_size)
    found_optimizer = keras.optimizers.get(optimizer)
    found_optimizer.learning_rate = learning_rate
    model.compile(
        found_optimizer,
        _make_loss(loss, dataset),
        # Steps of so small a network cost less than one return to Python.
        steps_per_execution=min(steps, _STEPS_PER_EXECUTION),
    )
    batches = (
        tf.data.Dataset.from_tensor_slices(
            (dataset.points[:half], labels(dataset)[:half])
        )
        .shuffle(half, seed=seed)
        .repeat()
        .batch(batch_size)
    )
    model.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)
    return Result(
        dataset,
        network,
        model,
        score(model, dataset, slice(None, half)),
        score(model, dataset, slice(half, None)),
    )


def _make_loss(loss: str, dataset: Dataset) -> Any:
    if loss == "auto":
        loss = "mse" if dataset.is_regression else "cross_entropy"
    if loss != "cross_entropy":
        return keras.losses.get(loss)
    if dataset.is_regression:
        raise ValueError(
            "`loss` must be a regression loss, such as mse or mae, on the "
            f"data set {dataset.name}. Received: loss='cross_entropy'."
        )
    return keras.losses.CategoricalCrossentropy(from_logits=True)


def draw(results: list[Result], output: pathlib.Path) -> None:
    """Draws a grid of pictures: a row per data set, a column per network."""
    matplotlib = _import_matplotlib()
    rows = list(dict.fromkeys(result.dataset.name for result in results))
    columns = list(dict.fromkeys(result.network for result in results))
    # Inches: a panel is 2.3 wide and 2.5 high, its title included.
    figure = matplotlib.figure.Figure(
        figsize=(2.3 * len(columns) + 0.6, 2.5 * len(rows) + 1.2),
        layout="constrained",
    )
    figure.get_layout_engine().set(h_pad=0.08)
    panels = figure.subplots(len(rows), len(columns), squeeze=False)
    colors = matplotlib.colors.LinearSegmentedColormap.from_list(
        "orange_to_blue", _SURFACE_COLORS
    )
    shades = {"cmap": colors, "vmin": -1.0, "vmax": 1.0}
    for result in results:
        row = rows.index(result.dataset.name)
        column = columns.index(result.network)
        image = _draw_panel(panels[row, column], result, shades)
    for panel, network in zip(panels[0], columns, strict=True):
        panel.annotate(
            _describe(network),
            (0.5, 1.2),
            xycoords="axes fraction",
            ha="center",
            fontsize=12,
        )
    for panel, name in zip(panels[:, 0], rows, strict=True):
        panel.set_ylabel(name, fontsize=12)
    bar = figure.colorbar(
        image, ax=panels, location="bottom", shrink=0.6, aspect=40, pad=0.02
    )
    bar.set_ticks(
        [-1, 0, 1],
        labels=[
            "class 0, circles\nvalue -1",
            "boundary\nvalue 0",
            "class 1, triangles\nvalue 1",
        ],
    )
    figure.savefig(output, dpi=120)


def _draw_panel(panel: Any, result: Result, shades: dict[str, Any]) -> Any:
    """Draws one network's surface, its boundary and the unseen points."""
    line = np.linspace(-EXTENT, EXTENT, 121, dtype="float32")
    grid = np.stack(np.meshgrid(line, line), axis=-1)
    values = surface(result.model, grid.reshape(-1, 2)).reshape(grid.shape[:2])
    image = panel.imshow(
        values,
        extent=(-EXTENT, EXTENT, -EXTENT, EXTENT),
        origin="lower",
        interpolation="bilinear",
        **shades,
    )
    if values.min() < 0 < values.max():
        panel.contour(line, line, values, [0.0], colors="black", linewidths=1.2)
    half = len(result.dataset.points) // 2
    points = result.dataset.points[half:][:_NUM_DRAWN]
    targets = result.dataset.targets[half:][:_NUM_DRAWN]
    if result.dataset.is_regression:
        # In the surface's own colours: where it is right, they vanish.
        panel.scatter(
            *points.T,
            c=targets,
            s=20,
            linewidths=0.5,
            edgecolors="#444444",
            **shades,
        )
    else:
        for member in (0, 1):
            panel.scatter(
                *points[targets == member].T,
                color=_CLASS_COLORS[member],
                marker=_CLASS_MARKERS[member],
                s=20,
                linewidths=0.5,
                edgecolors="white",
            )
    panel.set(
        xlim=(-EXTENT, EXTENT), ylim=(-EXTENT, EXTENT), xticks=[], yticks=[]
    )
    panel.set_title(_format_score(result), fontsize=10)
    return image


def _describe(network: str) -> str:
    layers, neurons = network.split("x")
    return (
        f"{layers} layer{'s' * (layers != '1')} \N{MULTIPLICATION SIGN} "
        f"{neurons} neuron{'s' * (neurons != '1')}"
    )


def _format_score(result: Result) -> str:
    if result.dataset.is_regression:
        return f"$R^2$ {result.test_score:.2f}"
    return f"accuracy {100 * result.test_score:.1f} %"


def _import_matplotlib() -> Any:
    try:
        import matplotlib.colors
        import matplotlib.figure
    except ImportError as error:
        raise ImportError(
            "`playground` needs matplotlib to draw. Install it with "
            "`pip install 'keras-cem[plot]'`."
        ) from error
    return matplotlib


def run(
    output: pathlib.Path,
    datasets: list[str],
    network_names: list[str],
    *,
    num_points: int = 1000,
    noise: float = 0.2,
    seed: int = 0,
    **settings: Any,
) -> list[Result]:
    """Trains every network on every data set, prints scores, draws them.

    Args:
        output: The PNG file to write.
        datasets: Names of `DATASETS`.
        network_names: "LAYERSxNEURONS" each.
        num_points: Points of each data set, half of them to train on.
        noise: Standard deviation of the points.
        seed: Of points, weights and shuffling.
        **settings: Passed to `train`.

    Returns:
        The results, data set by data set.
    """
    # What is wrong should be so before the training, not after.
    _import_matplotlib()
    output.parent.mkdir(parents=True, exist_ok=True)
    for network in network_names:
        parse_network(network)
    drawn = [make_dataset(name, num_points, noise, seed) for name in datasets]
    for dataset in drawn:
        _make_loss(settings.get("loss", "auto"), dataset)
    results = []
    print(f"{'data':<10}{'network':<9}{'score':<10}{'train':>7}{'unseen':>8}")
    for dataset in drawn:
        for network in network_names:
            result = train(dataset, network, seed=seed, **settings)
            results.append(result)
            measure = "R^2" if dataset.is_regression else "accuracy"
            print(
                f"{dataset.name:<10}{network:<9}{measure:<10}"
                f"{result.train_score:>7.3f}{result.test_score:>8.3f}",
                flush=True,
            )
    draw(results, output)
    print(f"wrote {output}")
    return results


def _define_flags() -> None:
    flags.DEFINE_string("output", "playground.png", "Picture to write (PNG).")
    flags.DEFINE_list(
        "datasets", list(DATASETS), "Data sets, separated by commas."
    )
    flags.DEFINE_list(
        "networks",
        ["1x1", "1x3", "2x3", "4x8"],
        "LAYERSxNEURONS, separated by commas.",
    )
    flags.DEFINE_integer(
        "epochs", 200, "Passes over the training data.", lower_bound=1
    )
    flags.DEFINE_integer("batch_size", 32, "Points per step.", lower_bound=1)
    flags.DEFINE_integer(
        "num_points", 1000, "Points, half for training.", lower_bound=4
    )
    flags.DEFINE_float("noise", 0.2, "Noise on the points.", lower_bound=0.0)
    flags.DEFINE_integer(
        "seed", 0, "Seed of points and weights.", lower_bound=0
    )
    flags.DEFINE_string("optimizer", "adam", "Name of a Keras optimizer.")
    flags.DEFINE_float(
        "learning_rate",
        0.01,
        "Learning rate of the optimizer.",
        lower_bound=0.0,
    )
    flags.DEFINE_string("loss", "auto", "Loss: cross_entropy, mse, mae, ...")
    flags.DEFINE_string(
        "activation", "tanh", "Activation of the hidden layers."
    )
    flags.DEFINE_string(
        "kernel_initializer", "glorot_uniform", "Initializer of the weights."
    )
    flags.DEFINE_float("l1", 0.0, "Factor of the sum of |weights|.")
    flags.DEFINE_float("l2", 0.0, "Factor of the sum of weights^2.")
    flags.DEFINE_float("dropout", 0.0, "Dropout rate of the hidden layers.")
    flags.DEFINE_bool("batch_normalization", False, "Normalize hidden layers.")


def main(argv: list[str]) -> None:
    """Runs what the flags say."""
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {argv[1:]}.")
    started = time.perf_counter()
    run(
        pathlib.Path(FLAGS.output),
        FLAGS.datasets,
        FLAGS.networks,
        activation=FLAGS.activation,
        batch_normalization=FLAGS.batch_normalization,
        batch_size=FLAGS.batch_size,
        dropout=FLAGS.dropout,
        epochs=FLAGS.epochs,
        kernel_initializer=FLAGS.kernel_initializer,
        l1=FLAGS.l1,
        l2=FLAGS.l2,
        learning_rate=FLAGS.learning_rate,
        loss=FLAGS.loss,
        noise=FLAGS.noise,
        num_points=FLAGS.num_points,
        optimizer=FLAGS.optimizer,
        seed=FLAGS.seed,
    )
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    _define_flags()
    app.run(main)
