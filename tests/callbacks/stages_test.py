"""Which of many epochs are kept."""

import pytest

from keras_cem.callbacks.stages import SpacedStages


def keep(stages, epochs):
    for epoch in epochs:
        if stages.is_due(epoch):
            stages.keep(stage(epoch))


def stage(epoch, steps=10):
    return {"iteration": epoch, "env_steps": steps * epoch}


def iterations(stages):
    return [each["iteration"] for each in stages]


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
    stages = SpacedStages(4)
    keep(stages, range(epochs))
    assert iterations(stages.kept) == kept


def test_the_last_is_there_once():
    stages = SpacedStages(4)
    assert stages.with_last(None) == []
    keep(stages, range(5))
    assert iterations(stages.with_last(stage(5))) == [0, 2, 4, 5]
    # As read from a file, it is no longer the same object.
    assert iterations(stages.with_last(stage(4))) == [0, 2, 4]
    # Of weights that were set back, or of recorded episodes.
    assert iterations(stages.with_last(stage(4, 20))) == [0, 2, 4, 4]
    assert iterations(stages.with_last({**stage(5), "env_steps": 40}))[-1] == 5
    assert iterations(stages.kept) == [0, 2, 4]


@pytest.mark.parametrize("done", [0, 3, 7])
def test_going_on_is_as_if_never_interrupted(done):
    whole, first, second = SpacedStages(4), SpacedStages(4), SpacedStages(4)
    keep(whole, range(20))
    keep(first, range(done))
    second.set_state(first.get_state())
    keep(second, range(done, 20))
    assert second.get_state() == whole.get_state()
