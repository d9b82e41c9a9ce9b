import types

import keras
import numpy as np
import pytest

from benchmarks import options
from keras_cem import CEMAgent


def test_best_weights_within_the_steps_are_kept():
    policy = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model = types.SimpleNamespace(policy=policy, stop_training=False)
    keep = options.KeepBest(100)
    keep.set_model(model)
    for epoch, (env_steps, value) in enumerate(
        [(40, 1.0), (80, 3.0), (90, 2.0), (120, 9.0)]
    ):
        policy.set_weights([np.full((1, 1), value), np.zeros(1)])
        keep.on_epoch_end(
            epoch, {"env_steps": env_steps, "val_episode_return": value}
        )
        assert model.stop_training == (env_steps > 100)
    keep.on_train_end()
    np.testing.assert_array_equal(policy.get_weights()[0], [[3.0]])


@pytest.mark.parametrize("name", options.COMPARISONS)
def test_what_is_compared_differs_in_the_option_alone(name):
    comparison = options.COMPARISONS[name]
    configs = [
        CEMAgent.from_env(
            comparison.env, seed=0, **comparison.agent, **option
        ).get_config()
        for option in ({}, comparison.option)
    ]
    changed = {
        key
        for key in configs[0]
        if key not in ("name", "policy") and configs[0][key] != configs[1][key]
    }
    assert changed == set(comparison.option)
    assert changed or comparison.floor != comparison.minimum


def test_command_prints_a_row_an_option(monkeypatch, capsys):
    def reached(comparison, with_option, seed):
        return 10.0 * with_option + seed

    monkeypatch.setattr(options, "reached", reached)
    options.main(["options", "--options=persistence=100", "--seeds=0,1,5"])
    *_, row = capsys.readouterr().out.splitlines()
    assert row == (
        "| `persistence=100` | MountainCar-v0 | 5,000,000 "
        "| 0.00 1.00 5.00 | 1.00 | 10.00 11.00 15.00 | 11.00 |"
    )
