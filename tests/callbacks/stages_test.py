"""Which of many epochs are kept."""

import pytest

from keras_cem.callbacks.stages import Stages


def keep(stages, epochs):
    for epoch in epochs:
        if stages.is_due(epoch):
            stages.keep({"env_steps": epoch})


def env_steps(stages):
    return [stage["env_steps"] for stage in stages]


@pytest.mark.parametrize(
    ("epochs", "kept"),
    [
        (4, [0, 1, 2, 3]),
        (5, [0, 2, 4]),
        (8, [0, 2, 4, 6]),
        (9, [0, 4, 8]),
        (100, [0, 32, 64, 96]),
    ],
)
def test_they_are_evenly_spaced(epochs, kept):
    stages = Stages(4)
    keep(stages, range(epochs))
    assert env_steps(stages.kept) == kept


def test_the_last_is_there_once():
    stages = Stages(4)
    assert stages.with_last(None) == []
    keep(stages, range(5))
    assert env_steps(stages.with_last({"env_steps": 5})) == [0, 2, 4, 5]
    # As read from a file, it is no longer the same object.
    assert env_steps(stages.with_last({"env_steps": 4})) == [0, 2, 4]
    assert env_steps(stages.kept) == [0, 2, 4]


@pytest.mark.parametrize("done", [0, 3, 7])
def test_going_on_is_as_if_never_interrupted(done):
    whole, first, second = Stages(4), Stages(4), Stages(4)
    keep(whole, range(20))
    keep(first, range(done))
    second.set_state(first.get_state())
    keep(second, range(done, 20))
    assert second.get_state() == whole.get_state()
