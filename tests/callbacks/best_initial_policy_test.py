"""Several policies begin, the best of them goes on."""

import keras
import numpy as np
import pytest

import keras_cem as cem
from keras_cem.callbacks import BestInitialPolicy, Checkpoint, EpsilonDecay
from tests import toy_envs  # noqa: F401, registers ToySeeded-v0
from tests.helpers import assert_equal, learned_state

ENV = "ToySeeded-v0"
EACH = 2
MORE = 2
# All that an agent has in mind besides its weights.
OPTIONS = {
    "network": {"dropout": 0.3},
    "elite_memory": 3,
    "normalize_observations": True,
    "gradient_steps": 2,
    "minibatch_size": 7,
}


def make(seed=0, initial=None, units=4):
    agent = cem.CEMAgent.from_env(
        ENV, hidden_units=(units,), seed=seed, **OPTIONS
    )
    agent.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 20)),
        run_eagerly=True,
    )
    if initial is not None:
        agent.policy.set_weights(initial.policy.get_weights())
    return agent


def fit(agent, epochs, *callbacks, **kwargs):
    return agent.fit(
        ENV,
        batch_size=4,
        steps_per_epoch=2,
        epochs=epochs,
        callbacks=[EpsilonDecay(), *callbacks],
        verbose=0,
        **kwargs,
    ).history


def state(agent):
    return [*learned_state(agent), int(agent.iteration), float(agent.epsilon)]


@pytest.mark.parametrize("sign", [1, -1])
def test_the_best_goes_on_as_if_it_had_been_alone(sign):
    others = [make(seed) for seed in (11, 12, 13)]
    left = [make(0, initial) for initial in (make(), *others)]
    alone = list(left)
    epochs = []
    for _ in range(2):
        logs = [fit(agent, EACH) for agent in left]
        epochs += logs
        worth = [sign * log["episode_return"][-1] for log in logs]
        assert len(set(worth)) == len(worth)
        order = np.argsort(worth)[::-1]
        left = [left[number] for number in order[: len(order) // 2]]
    (best,) = left
    epochs.append(fit(best, MORE))

    class Worth(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["worth"] = sign * logs["episode_return"]

    together = make()
    callback = BestInitialPolicy(others, EACH, "worth")
    assert callback.num_epochs == EACH * (4 + 2)
    logs = fit(together, callback.num_epochs + MORE, Worth(), callback)
    assert_equal(state(together), state(best))
    for name in ("episode_return", "loss", "epsilon", "elite_threshold"):
        expected = [value for log in epochs for value in log[name]]
        np.testing.assert_array_equal(logs[name], expected)
    # What all of them played counts.
    assert logs["env_steps"] == sorted(logs["env_steps"])
    assert logs["env_steps"][-1] == sum(int(a.env_steps) for a in alone)


@pytest.mark.parametrize(
    ("number", "rounds"),
    [(2, 2), (3, 3), (4, 6), (5, 7), (6, 9), (8, 14), (9, 15)],
)
def test_half_of_them_go_on_until_one_is_left(number, rounds):
    others = [keras.layers.Dense(1)] * (number - 1)
    assert BestInitialPolicy(others, 5).num_epochs == 5 * rounds


@pytest.mark.parametrize("interrupted_after", [3, 9, 13])
def test_a_resumed_training_is_as_if_never_interrupted(
    tmp_path, interrupted_after
):
    others = [make(seed) for seed in (11, 12, 13)]
    epochs = EACH * 6 + MORE

    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == interrupted_after:
                raise KeyboardInterrupt

    whole, first, second = make(), make(), make()
    logs = fit(whole, epochs, BestInitialPolicy(others, EACH))
    with pytest.raises(KeyboardInterrupt):
        fit(
            first,
            epochs,
            BestInitialPolicy(others, EACH),
            Checkpoint(tmp_path),
            Interrupt(),
        )
    resumed = fit(
        second,
        epochs,
        BestInitialPolicy(others, EACH),
        Checkpoint(tmp_path),
        resume_from=tmp_path,
    )
    assert resumed == logs
    assert_equal(state(second), state(whole))


def test_it_begins_anew_with_each_fit():
    callback = BestInitialPolicy([make(11)])
    agent = make()
    for done in (1, 2):
        fit(agent, 3, callback)
        # One epoch of one of two, and one more.
        assert int(agent.iteration) == done * 4


def test_where_training_stops_the_policy_stays():
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    agent, alone = make(), make()
    fit(agent, 9, Stop(), BestInitialPolicy([make(11)]))
    fit(alone, 1)
    assert_equal(state(agent), state(alone))


def test_others_are_left_as_they_are():
    other = make(11)
    before = other.policy.get_weights()
    fit(make(), 3, BestInitialPolicy([other.policy.policy]))
    assert_equal(other.policy.get_weights(), before)


@pytest.mark.parametrize(
    ("epochs", "units", "message"),
    [
        (4, 4, r"more than 4 epochs, .* for 2 policies. Received: epochs=4"),
        (5, 3, r"others\[0\] with weights of .*\(2, 3\).*instead .*\(2, 4\)"),
    ],
)
def test_what_does_not_fit_is_refused(epochs, units, message):
    agent = make()
    before = agent.policy.get_weights()
    callback = BestInitialPolicy([make(1, units=units)], EACH)
    with pytest.raises(ValueError, match=message):
        fit(agent, epochs, callback)
    assert_equal(agent.policy.get_weights(), before)


def test_other_models_are_refused():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    callback = BestInitialPolicy([model])
    with pytest.raises(RuntimeError, match="with `fit` of a `CEMAgent` on an"):
        model.fit(np.zeros((4, 1)), np.zeros(4), callbacks=[callback])
