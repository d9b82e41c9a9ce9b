"""Validation takes a fifth of the time of training at most, or seconds."""

import pytest

from keras_cem.cli.training.validation_share import (
    ALLOWED_SECONDS,
    SHARE,
    ValidationShare,
)


class Times:
    """A run with epochs and validations that take these seconds."""

    def __init__(self, training, validation, epochs):
        self.now = 0.0
        self.training, self.validation = training, validation
        self.share = ValidationShare(clock=lambda: self.now)
        self.share.set_params({"epochs": epochs})

    def run(self, epochs):
        validated = []
        for epoch in epochs:
            self.share.on_epoch_begin(epoch)
            self.now += self.training
            if epoch + 1 in self.share.validation_freq:
                self.share.on_test_begin()
                self.now += self.validation
                self.share.on_test_end()
                validated.append(epoch + 1)
            # What other callbacks do is neither.
            self.now += 100.0
        return validated


@pytest.mark.parametrize(
    ("training", "validation", "expected"),
    [
        (10.0, 1.0, list(range(1, 31))),
        (10.0, 10.0, [1, 10, 15, 20, 25, 30]),
        (1.0, 90.0, [1, 30]),
        # Five seconds in any case.
        (0.125, 0.5, [*range(1, 11), 30]),
    ],
)
def test_it_validates_when_it_may(training, validation, expected):
    times = Times(training, validation, epochs=30)
    assert times.run(range(30)) == expected
    least = ALLOWED_SECONDS + 2 * validation
    assert len(expected) * validation <= max(SHARE * 30 * training, least)


def test_it_says_so_once(capsys):
    Times(2.0, 4.0, epochs=30).run(range(20))
    printed = capsys.readouterr().out
    assert printed == (
        "A validation takes 4.0 s, an epoch of training 2.0 s. So that "
        "validation takes at most 20% of the time of training, it runs about "
        "every 10 epochs. --validation_freq and --validation_episodes "
        "overrule.\n"
    )


def test_resumed_run_goes_on():
    whole = Times(9.0, 9.0, epochs=30).run(range(30))
    first, rest = Times(9.0, 9.0, epochs=30), Times(9.0, 9.0, epochs=30)
    validated = first.run(range(12))
    rest.share.set_state(first.share.get_state())
    assert [*validated, *rest.run(range(12, 30))] == whole
