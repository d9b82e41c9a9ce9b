"""What the pictures show: the artists are looked at before they are drawn."""

import sys

import keras
import matplotlib.image
import numpy as np
import pytest

import keras_cem as cem
from keras_cem import spaces
from keras_cem.pictures import plots
from keras_cem.utils import seed_statistics
from tests.pictures.plots.history_test import write


@pytest.fixture
def drawn(monkeypatch):
    """Figures as they are about to be written."""
    figures = []
    for name in ("comparison", "learning_curve", "policy_map", "returns"):
        # The package has functions of these names.
        module = sys.modules[f"keras_cem.pictures.plots.{name}"]
        save = module.save

        def keep(figure, filepath, save=save):
            figures.append(figure)
            save(figure, filepath)

        monkeypatch.setattr(module, "save", keep)
    return figures


def history(path, seed=0, epochs=5, steps=100):
    generator = np.random.default_rng(seed)
    rows = []
    for epoch in range(epochs):
        value = generator.uniform(0, 10)
        rows.append(
            f"{epoch},{value + 1},{steps * (epoch + 1)},{value},{value + 2},"
            f"{1 / (epoch + 1)},{value + 3}"
        )
    return write(path, rows)


def curves(axes):
    return {
        line.get_label(): line.get_xydata()
        for line in axes.get_lines()
        if not line.get_label().startswith("_")
    }


def test_learning_curve_is_returned_for_notebooks(tmp_path):
    figure = plots.learning_curve(history(tmp_path / "h.csv"))
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["h.csv"]


def test_learning_curve_has_steps_below_and_iterations_above(tmp_path, drawn):
    path = tmp_path / "curve.png"
    plots.learning_curve(history(tmp_path / "h.csv"), path, 9.0, 4)
    shown, epsilon = drawn[0].axes
    lines = curves(shown)
    assert set(lines) == {
        "elite threshold",
        "explored, mean",
        "greedy, mean",
        "solved",
    }
    assert lines["greedy, mean"][:, 0].tolist() == [100, 200, 300, 400, 500]
    np.testing.assert_allclose(
        lines["greedy, mean"][:, 1], lines["explored, mean"][:, 1] + 3
    )
    assert epsilon.get_xlabel() == "environment steps"
    (above,) = shown.child_axes
    # Four iterations an epoch of 100 steps.
    for place, label in zip(
        above.get_xticks(), above.get_xticklabels(), strict=True
    ):
        assert place == pytest.approx(25 * float(label.get_text()))
    assert matplotlib.image.imread(path).shape == (660, 1080, 4)


def test_recorded_episodes_are_drawn_over_iterations(tmp_path, drawn):
    path = history(tmp_path / "h.csv", steps=0)
    plots.learning_curve(path, tmp_path / "curve.png")
    assert drawn[0].axes[1].get_xlabel() == "iterations"
    assert drawn[0].axes[0].child_axes == []


def band(axes):
    """Name, and least and largest value by its place on the x axis."""
    (filled,) = axes.collections
    corners = np.concatenate([p.vertices for p in filled.get_paths()])
    ends = {
        x: (
            corners[corners[:, 0] == x, 1].min(),
            corners[corners[:, 0] == x, 1].max(),
        )
        for x in np.unique(corners[:, 0])
    }
    return filled.get_label(), ends


def test_band_is_of_all_returns_where_they_are_known(tmp_path, drawn):
    path = history(tmp_path / "h.csv", epochs=3)
    stages = [
        {"iteration": n, "env_steps": 100 * n, "returns": [-n, 2.0, n + 3.0]}
        for n in (1, 3)
    ]
    plots.learning_curve(path, tmp_path / "c.png", stages=stages)
    assert band(drawn[0].axes[0]) == (
        "explored, minimum to maximum",
        {100: (-1, 4), 300: (-3, 6)},
    )
    recorded = history(tmp_path / "r.csv", epochs=3, steps=0)
    plots.learning_curve(recorded, tmp_path / "c.png", stages=stages)
    assert band(drawn[1].axes[0])[1] == {1: (-1, 4), 3: (-3, 6)}


def test_band_is_of_the_elites_where_returns_are_not_known(tmp_path, drawn):
    path = history(tmp_path / "h.csv", epochs=3)
    plots.learning_curve(path, tmp_path / "c.png")
    label, ends = band(drawn[0].axes[0])
    assert label == "elites, threshold to maximum"
    threshold = curves(drawn[0].axes[0])["elite threshold"]
    assert [low for low, _ in ends.values()] == threshold[:, 1].tolist()


def test_ten_thousand_epochs_are_no_more_points_than_can_be_seen(
    tmp_path, drawn
):
    path = history(tmp_path / "h.csv", epochs=10_000)
    plots.learning_curve(path, tmp_path / "curve.png")
    for axes in drawn[0].axes:
        for points in curves(axes).values():
            assert 2 <= len(points) <= 500
    legend = drawn[0].axes[0].get_legend()
    assert legend.get_title().get_text() == "means of 20 epochs"


def stage(iteration, values, threshold=2.0):
    return {
        "iteration": iteration,
        "env_steps": iteration,
        "elite_threshold": threshold,
        "returns": values,
    }


def test_returns_has_five_stages_and_the_evaluation(tmp_path, drawn):
    stages = [stage(n, [n, n, n + 1.0]) for n in range(1, 10)]
    plots.returns([12.0, 12.0, 14.0], tmp_path / "r.png", 13.0, stages)
    titles = [axes.get_title(loc="left") for axes in drawn[0].axes]
    assert titles == [
        *(f"iteration {n}" for n in (1, 3, 5, 7, 9)),
        "greedy, final evaluation",
    ]
    for axes in drawn[0].axes:
        assert sum(bar.get_height() for bar in axes.patches) == 3
        assert "solved" in curves(axes)
    assert curves(drawn[0].axes[0])["elite threshold"][0, 0] == 2
    assert curves(drawn[0].axes[-1])["mean"][0, 0] == pytest.approx(38 / 3)


def test_returns_of_one_value_and_no_threshold(tmp_path, drawn):
    plots.returns([], tmp_path / "r.png", stages=[stage(1, [-200.0] * 3, None)])
    (axes,) = drawn[0].axes
    assert sum(bar.get_height() for bar in axes.patches) == 3
    assert curves(axes) == {}


def test_no_returns_are_refused(tmp_path):
    with pytest.raises(ValueError, match="both empty"):
        plots.returns([], tmp_path / "r.png")


def last_returns(paths):
    runs = [np.genfromtxt(path, delimiter=",", names=True) for path in paths]
    return [run["val_episode_return"][-1] for run in runs]


def test_comparison_of_many_seeds_has_a_band(tmp_path, drawn):
    groups = {
        "q=$0.7": [history(tmp_path / f"{n}.csv", n) for n in range(5)],
        "q=0.9": [history(tmp_path / "5.csv", 5, epochs=2)],
    }
    plots.comparison(groups, tmp_path / "c.png", 10.0)
    (axes,) = drawn[0].axes
    lines = curves(axes)
    assert set(lines) == {r"q=\$0.7", "q=0.9", "solved"}
    ends = last_returns(groups["q=$0.7"])
    middle = np.mean(sorted(ends)[1:-1])
    assert lines[r"q=\$0.7"][-1].tolist() == pytest.approx([500, middle])
    # It ended early, and stays there.
    (end,) = last_returns(groups["q=0.9"])
    assert lines["q=0.9"][-1].tolist() == pytest.approx([500, end])
    (band,) = axes.collections
    (outline,) = band.get_paths()
    (low,), (high,) = seed_statistics.interval(np.array([ends]).T)
    at_the_end = outline.vertices[outline.vertices[:, 0] == 500][:, 1]
    assert at_the_end.min() == pytest.approx(low)
    assert at_the_end.max() == pytest.approx(high)
    assert low < middle < high
    title = axes.get_legend().get_title().get_text()
    assert title == "interquartile mean, 95 % interval"


def test_comparison_of_few_seeds_has_a_line_each(tmp_path, drawn):
    paths = [history(tmp_path / f"{n}.csv", n) for n in range(4)]
    plots.comparison({"q=0.7": paths}, tmp_path / "c.png")
    (axes,) = drawn[0].axes
    lines = axes.get_lines()
    assert [line.get_ydata()[-1] for line in lines] == pytest.approx(
        last_returns(paths)
    )
    assert len({line.get_color() for line in lines}) == 1
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "q=0.7"
    ]
    assert not axes.collections


def agent_of(action_space, kernel, **options):
    """Its outputs are observations times `kernel`."""
    kernel = np.asarray(kernel, np.float32)
    policy = keras.Sequential(
        [
            keras.Input((len(kernel),)),
            keras.layers.Dense(kernel.shape[1], use_bias=False),
        ]
    )
    policy.set_weights([kernel])
    return cem.CEMAgent(
        policy,
        action_space,
        observation_space=spaces.Box(-np.inf, np.inf, (len(kernel),)),
        **options,
    )


VISITED = np.random.default_rng(0).uniform(-1, 1, (50, 3)).astype(np.float32)


def test_map_of_discrete_actions_has_the_boundary(tmp_path, drawn):
    # Action 6 where the third component is positive.
    agent = agent_of(spaces.Discrete(2, start=5), [[0, 0], [0, 0], [0, 1]])
    plots.policy_map(agent, VISITED, tmp_path / "m.png", (0, 2))
    axes = drawn[0].axes[0]
    grid = axes.collections[0].get_array()
    rows = np.linspace(*axes.get_ylim(), len(grid))
    np.testing.assert_array_equal(
        grid, np.repeat(rows[:, None] > 0, len(grid), 1)
    )
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == ["action 5", "action 6"]
    assert axes.get_ylabel() == "observation 2"


def test_map_of_one_continuous_action_is_a_scale(tmp_path, drawn):
    agent = agent_of(spaces.Box([-2.0], [2.0]), [[1], [0], [0]])
    plots.policy_map(agent, VISITED, tmp_path / "m.png")
    axes = drawn[0].axes[0]
    mesh = axes.collections[0]
    assert mesh.get_clim() == (-2, 2)
    np.testing.assert_allclose(
        mesh.get_array()[0],
        np.linspace(*axes.get_xlim(), mesh.get_array().shape[1]),
        atol=1e-5,
    )


def test_map_of_several_continuous_actions_is_a_field(tmp_path, drawn):
    agent = agent_of(
        spaces.Box([-2.0] * 2, [2.0] * 2), [[1, 0], [0, 1], [0, 0]]
    )
    plots.policy_map(agent, VISITED, tmp_path / "m.png")
    axes = drawn[0].axes[0]
    field = axes.collections[0]
    np.testing.assert_allclose(field.U, field.X, atol=1e-5)
    np.testing.assert_allclose(field.V, field.Y, atol=1e-5)


@pytest.mark.parametrize("dimensions", [(0,), (0, 0), (0, 3), (-1, 0)])
def test_dimensions_that_are_none_are_refused(tmp_path, dimensions):
    agent = agent_of(spaces.Discrete(2), [[0, 0]] * 3)
    with pytest.raises(ValueError, match="`dimensions` must be two"):
        plots.policy_map(agent, VISITED, tmp_path / "m.png", dimensions)


def test_one_epoch_is_drawn(tmp_path, drawn):
    path = history(tmp_path / "h.csv", epochs=1)
    plots.learning_curve(path, tmp_path / "curve.png")
    plots.comparison({"one": [path]}, tmp_path / "c.png")
    (above,) = drawn[0].axes[0].child_axes
    assert [t.get_text() for t in above.get_xticklabels()] == ["1"]
    assert curves(drawn[1].axes[0])["one"][-1, 0] == 100


def test_curve_of_elite_steps_shows_the_critic_and_no_threshold(
    tmp_path, drawn
):
    path = history(tmp_path / "h.csv", epochs=3)
    lines = path.read_text().splitlines()
    lines[0] += ",critic_loss,explained_variance"
    rows = [
        f"{line},0.5,{0.1 * number}" for number, line in enumerate(lines[1:], 1)
    ]
    path.write_text("\n".join([lines[0], *rows]) + "\n")
    plots.learning_curve(path, tmp_path / "c.png")
    returns, epsilon, critic = drawn[0].axes[:3]
    assert "elite threshold" not in curves(returns)
    assert band(returns)[0] == "above the mean"
    (line,) = critic.get_lines()
    np.testing.assert_allclose(line.get_ydata(), [0.1, 0.2, 0.3])
    assert critic.get_ylabel() == "explained\nvariance"
    assert critic.get_xlabel() == "environment steps"
    assert epsilon.get_xlabel() == ""
