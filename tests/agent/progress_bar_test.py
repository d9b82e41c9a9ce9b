"""The bar, and that nothing but what is printed depends on it."""

import re

import keras
import pytest

from tests.helpers import fit_briefly


@pytest.fixture(scope="module")
def quiet():
    return fit_briefly()


# Line by line as for a file, and as a bar that is drawn again.
@pytest.mark.parametrize("verbose", [1, 2])
def test_bar_shows_steps_a_second_and_history_has_none(quiet, verbose, capsys):
    history = fit_briefly(verbose=verbose)
    printed = capsys.readouterr().out
    rates = re.findall(r"env_steps_per_second: (\d+\.\d+)", printed)
    assert len(rates) >= 2
    assert all(float(rate) > 0 for rate in rates)
    for name in ("episode_return", "elite_threshold", "num_elites", "epsilon"):
        assert f"{name}: " in printed
    assert "env_steps_per_second" not in history
    assert history == quiet


def test_a_bar_of_the_callers_is_the_one(capsys):
    fit_briefly(verbose=1, callbacks=[keras.callbacks.ProgbarLogger()])
    printed = capsys.readouterr().out
    assert printed.count("Epoch 1/2") == 1
    assert "env_steps_per_second" not in printed
