"""Which ways of restoring weights restore the agent's counters."""

import keras
import numpy as np
import pytest

import keras_cem as cem

pytestmark = pytest.mark.slow

PLAYING = {
    "engine": "host",
    "batch_size": 2,
    "max_episode_steps": 5,
    "verbose": 0,
}


def make_agent():
    agent = cem.CEMAgent.from_env(
        "CartPole-v1", hidden_units=(), ties="inclusive", seed=0
    )
    agent.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    return agent


def fit(agent, epochs, *callbacks):
    return agent.fit(
        "CartPole-v1",
        epochs=epochs,
        callbacks=[cem.callbacks.EpsilonDecay(), *callbacks],
        **PLAYING,
    ).history


def counters(agent):
    return [
        float(agent.epsilon),
        int(agent.iteration),
        int(agent.env_steps),
    ]


def test_best_weights_are_put_back_without_the_counters():
    agent = make_agent()
    weights = []
    keep = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: weights.append(agent.policy.get_weights())
    )
    # Nothing is better than the first epoch.
    stop = keras.callbacks.EarlyStopping(
        "loss", min_delta=1e9, patience=2, restore_best_weights=True
    )
    history = fit(agent, 9, keep, stop)
    assert counters(agent) == [pytest.approx(1 / 3), 3, 30]
    np.testing.assert_array_equal(agent.policy.get_weights()[0], weights[0][0])
    assert np.any(weights[0][0] != weights[2][0])
    following = fit(agent, 2)
    assert history["env_steps"] + following["env_steps"] == [
        10,
        20,
        30,
        40,
        50,
    ]
    np.testing.assert_allclose(following["epsilon"], [1 / 4, 1 / 5])


def test_set_weights_takes_what_get_weights_returned():
    agent, other = make_agent(), make_agent()
    fit(agent, 2)
    other.set_weights(agent.get_weights())
    np.testing.assert_array_equal(
        other.policy.get_weights()[0], agent.policy.get_weights()[0]
    )
    assert counters(other) == [pytest.approx(0.1), 0, 0]
    with pytest.raises(ValueError, match="length 1"):
        other.set_weights(agent.get_weights()[:1])


@pytest.mark.parametrize("ending", [".keras", ".weights.h5"])
def test_files_restore_the_counters(tmp_path, ending):
    agent = make_agent()
    fit(agent, 2)
    before, path = counters(agent), tmp_path / f"agent{ending}"
    if ending == ".keras":
        agent.save(path)
        assert counters(keras.saving.load_model(path)) == before
    else:
        agent.save_weights(path)
    fit(agent, 1)
    agent.load_weights(path)
    assert counters(agent) == before == [0.5, 2, 20]


def test_checkpoint_restores_the_counters(tmp_path):
    first = make_agent()
    fit(first, 2, cem.callbacks.Checkpoint(tmp_path))
    agent = make_agent()
    agent.fit(
        "CartPole-v1",
        epochs=2,
        resume_from=tmp_path,
        callbacks=[cem.callbacks.EpsilonDecay()],
        **PLAYING,
    )
    assert counters(agent) == counters(first)


def test_means_of_weights_are_swapped_without_the_counters():
    agent = make_agent()
    agent.compile(keras.optimizers.SGD(0.1, use_ema=True))
    fit(agent, 3, keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
    assert counters(agent) == [pytest.approx(1 / 3), 3, 30]


def test_epsilon_can_be_computed_with():
    agent = make_agent()
    agent.epsilon *= 0.5
    assert float(agent.epsilon) == pytest.approx(0.05)
    agent.epsilon = np.array(0.25)
    assert float(agent.epsilon) == 0.25
    played = agent.collect(
        "CartPole-v1",
        2,
        epsilon=agent.epsilon * 2,
        engine="host",
        max_episode_steps=3,
    )
    assert len(played.returns) == 2
    with pytest.raises(TypeError, match="must be a number"):
        agent.epsilon = np.array([0.1, 0.2])
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        agent.epsilon *= 100.0


def test_set_weights_takes_numbers_for_scalars():
    # As `EarlyStopping` has them once its state was read from a file.
    agent = cem.CEMAgent.from_env(
        "Pendulum-v1", hidden_units=(), normalize_observations=True, seed=0
    )
    values = agent.get_weights()
    agent.set_weights(
        [value if value.shape else value.item() for value in values]
    )
    for first, second in zip(agent.get_weights(), values, strict=True):
        np.testing.assert_array_equal(first, second)
