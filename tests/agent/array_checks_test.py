"""Arrays that a user gives do not broadcast to something else."""

import numpy as np
import pytest

from keras_cem import spaces
from tests.helpers import BOX, COMPILED, DISCRETE, EAGER, TRACED, make_agent

X = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
CHOICES = np.array([2, 3, 4, 5])
WEIGHTS = np.array([1.0, 0, 0, 3.0], np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("mode", [EAGER, TRACED, COMPILED])
@pytest.mark.parametrize("first", [(4,), (4, 1)])
def test_sample_weight_in_a_column_weighs_rows(mode, first):
    agent = make_agent(DISCRETE, mode=mode)
    alone = [
        agent.evaluate(X[row : row + 1], CHOICES[row : row + 1], verbose=0)
        for row in range(4)
    ]
    # The second call traces a step that takes both shapes.
    for shape in (first, (4,), (4, 1)):
        got = agent.evaluate(
            X, CHOICES, sample_weight=WEIGHTS.reshape(shape), verbose=0
        )
        assert got == pytest.approx(np.mean(WEIGHTS * alone), rel=1e-5)


@pytest.mark.parametrize("shape", [(4, 2), (1, 4), (4, 1, 1)])
def test_sample_weight_of_another_shape_is_refused(shape):
    agent = make_agent(DISCRETE)
    weights = np.ones(shape, np.float32)
    with pytest.raises(ValueError, match="sample_weight"):
        agent.train_on_batch(X, CHOICES, sample_weight=weights)


def test_discrete_actions_in_a_column_are_taken_as_a_row_each():
    agent = make_agent(DISCRETE)
    assert agent.evaluate(X, CHOICES[:, None], verbose=0) == pytest.approx(
        agent.evaluate(X, CHOICES, verbose=0)
    )


@pytest.mark.parametrize(
    ("space", "shape"),
    [(DISCRETE, (4, 4)), (BOX, (4, 4)), (BOX, (4,)), (BOX, (4, 2, 1))],
)
def test_actions_of_another_shape_are_refused(space, shape):
    agent = make_agent(space)
    with pytest.raises(ValueError, match=r"`y` must be actions of shape"):
        agent.evaluate(X, np.ones(shape, space.dtype), verbose=0)


def test_box_of_one_number_takes_actions_without_an_axis():
    agent = make_agent(spaces.Box(-1.0, 1.0, (1,)))
    y = np.linspace(-1, 1, 4, dtype=np.float32)
    assert agent.evaluate(X, y, verbose=0) == pytest.approx(
        agent.evaluate(X, y[:, None], verbose=0)
    )
