import keras
import numpy as np
import pytest

import keras_cem as cem
from keras_cem.callbacks import EpsilonDecay, StopOnEpisodeReturn
from tests import toy_envs
from tests.helpers import DISCRETE, make_policy

# Episodes of one step, with actions of a Box.
ENV = "ToyEcho-v0"

schedules = keras.optimizers.schedules


def _agent(env=ENV, **compile_kwargs):
    agent = cem.CEMAgent.from_env(
        env, hidden_units=(), epsilon=0.25, seed=0, elite_quantile=0.5
    )
    compile_kwargs = {"run_eagerly": True, **compile_kwargs}
    agent.compile(keras.optimizers.SGD(0.01), **compile_kwargs)
    return agent


def _fit(agent, callback, env=ENV, epochs=4, **kwargs):
    callbacks = [] if callback is None else [callback]
    return agent.fit(
        env,
        batch_size=2,
        epochs=epochs,
        callbacks=callbacks,
        verbose=0,
        **kwargs,
    )


def _epsilons(*args, **kwargs):
    return _fit(*args, **kwargs).history["epsilon"]


class Asked:
    """A schedule that notes what it is asked for."""

    def __init__(self):
        self.steps = []

    def __call__(self, step):
        self.steps.append(int(step))
        return 1 / (int(step) + 1)


# EpsilonDecay


@pytest.mark.slow
def test_epsilon_is_one_over_n_from_the_first_iteration():
    assert _epsilons(_agent(), EpsilonDecay()) == pytest.approx(
        [1, 1 / 2, 1 / 3, 1 / 4]
    )


@pytest.mark.slow
def test_epsilon_is_that_of_the_rollout():
    """With epsilon 1 logits do not matter; with epsilon 0 nothing else."""
    agent = _agent("ToyIdentity-v0")
    kernel, _ = agent.trainable_variables
    kernel.assign(30.0 * np.eye(3))
    returns = _fit(
        agent,
        EpsilonDecay(lambda step: 0.0 if step % 2 else 1.0),
        env="ToyIdentity-v0",
    ).history["episode_return"]
    assert returns[1] == returns[3] == toy_envs.Identity.steps
    assert returns[0] < 8
    assert returns[2] < 8


@pytest.mark.slow
@pytest.mark.parametrize("steps_per_execution", [1, 4])
def test_epsilon_changes_in_each_iteration_of_an_epoch(steps_per_execution):
    agent, asked = _agent(steps_per_execution=steps_per_execution), Asked()
    epsilons = _epsilons(
        agent, EpsilonDecay(asked), epochs=2, steps_per_epoch=6
    )
    assert asked.steps == list(range(12))
    # Those of the last iteration.
    assert epsilons == pytest.approx([1 / 6, 1 / 12])


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (schedules.ExponentialDecay(0.8, 1, 0.5), [0.8, 0.4, 0.2, 0.1]),
        (schedules.PolynomialDecay(0.9, 3, 0.3), [0.9, 0.7, 0.5, 0.3]),
        (
            schedules.PiecewiseConstantDecay([1, 2], [0.9, 0.5, 0.1]),
            [0.9, 0.9, 0.5, 0.1],
        ),
        (schedules.InverseTimeDecay(0.6, 1, 1.0), [0.6, 0.3, 0.2, 0.15]),
        # (1 + cos(pi t / 3)) / 2
        (schedules.CosineDecay(1.0, 3), [1.0, 0.75, 0.25, 0.0]),
        (cem.schedules.HarmonicDecay(0.6), [0.6, 0.3, 0.2, 0.15]),
        (lambda step: 0.5 - 0.1 * float(step), [0.5, 0.4, 0.3, 0.2]),
    ],
    ids=lambda schedule: type(schedule).__name__,
)
def test_every_schedule_of_keras_is_one_of_epsilon(schedule, expected):
    got = _epsilons(_agent(), EpsilonDecay(schedule))
    assert got == pytest.approx(expected, abs=1e-6)


def test_epsilon_does_not_fall_below_the_minimum():
    got = _epsilons(_agent(), EpsilonDecay(minimum=0.4))
    assert got == pytest.approx([1, 0.5, 0.4, 0.4])


def test_epsilon_of_a_box_may_exceed_1():
    agent = _agent()
    got = _epsilons(agent, EpsilonDecay(lambda step: 3.0), epochs=1)
    assert got == [3.0]


def test_a_schedule_out_of_range_is_an_error_before_anything_is_played():
    agent = _agent("ToySeeded-v0")
    with pytest.raises(ValueError, match=r"must be in \[0, 1\]") as error:
        _fit(agent, EpsilonDecay(lambda step: 1.5), env="ToySeeded-v0")
    assert "Received: epsilon=1.5" in str(error.value)
    assert int(agent.iteration) == 0


def test_a_second_fit_goes_on():
    agent = _agent()
    _fit(agent, EpsilonDecay(), epochs=2)
    got = _epsilons(agent, EpsilonDecay(), epochs=2)
    assert got == pytest.approx([1 / 3, 1 / 4])


@pytest.mark.slow
@pytest.mark.parametrize("initial_epoch", [0, 2])
def test_a_reloaded_agent_goes_on(initial_epoch, tmp_path):
    agent = _agent()
    _fit(agent, EpsilonDecay(), epochs=2)
    agent.save(tmp_path / "agent.keras")
    again = keras.saving.load_model(tmp_path / "agent.keras")
    assert float(again.epsilon) == 0.5
    got = _epsilons(
        again,
        EpsilonDecay(),
        epochs=initial_epoch + 2,
        initial_epoch=initial_epoch,
    )
    assert got == pytest.approx([1 / 3, 1 / 4])


def test_without_the_callback_epsilon_stays():
    agent = _agent()
    assert _epsilons(agent, None, epochs=2) == [0.25, 0.25]
    _fit(agent, EpsilonDecay(), epochs=1)
    assert _epsilons(agent, None, epochs=2) == pytest.approx([1 / 3, 1 / 3])


def test_without_the_callback_epsilon_can_be_assigned():
    agent = _agent()

    class Assign(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.epsilon.assign(0.5 / (epoch + 1))

    assert _epsilons(agent, Assign(), epochs=2) == [0.5, 0.25]


def test_epsilon_decay_refuses_other_models():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match="must be used with a `CEMAgent`") as e:
        model.fit(
            np.zeros((2, 2)),
            np.zeros((2, 1)),
            callbacks=[EpsilonDecay()],
            verbose=0,
        )
    assert "Received: model=<Sequential" in str(e.value)


def test_epsilon_decay_refuses_arrays():
    agent = cem.CEMAgent(make_policy(DISCRETE), DISCRETE, seed=0)
    agent.compile("sgd", run_eagerly=True)
    with pytest.raises(RuntimeError, match="Remove `EpsilonDecay`"):
        agent.fit(
            np.zeros((4, 3)),
            np.full(4, 2),
            callbacks=[EpsilonDecay()],
            verbose=0,
        )


@pytest.mark.parametrize("minimum", [-0.1, float("nan")])
def test_minimum_that_is_negative_is_refused(minimum):
    with pytest.raises(ValueError, match="`minimum` must be at least") as error:
        EpsilonDecay(minimum=minimum)
    assert f"Received: minimum={minimum}" in str(error.value)


def test_schedule_that_cannot_be_called_is_refused():
    with pytest.raises(TypeError, match="`schedule` must be a function") as e:
        EpsilonDecay(schedule=0.5)
    assert "Received: schedule=0.5 of type float" in str(e.value)


# StopOnEpisodeReturn


class Fixed(toy_envs.Echo):
    """One step worth 5."""

    def step(self, action):
        observation, *_ = super().step(action)
        return observation, 5.0, True, False, {}


@pytest.mark.parametrize(
    ("threshold", "epochs"), [(4.0, 1), (5.0, 1), (5.1, 3)]
)
@pytest.mark.parametrize("monitor", ["val_episode_return", "episode_return"])
def test_training_stops_once_the_threshold_is_reached(
    threshold, epochs, monitor
):
    agent = _agent()
    validation = Fixed() if monitor.startswith("val_") else None
    history = _fit(
        agent,
        StopOnEpisodeReturn(threshold, monitor=monitor),
        env=Fixed(),
        epochs=3,
        validation_data=validation,
        max_episode_steps=3,
    )
    assert len(history.epoch) == epochs


def test_epochs_without_a_validation_are_passed_over():
    history = _fit(
        _agent(),
        StopOnEpisodeReturn(5.0),
        env=Fixed(),
        validation_data=Fixed(),
        validation_freq=2,
        max_episode_steps=3,
    )
    assert len(history.epoch) == 2


def test_monitor_of_a_validation_that_is_missing_is_an_error_at_the_start():
    agent = _agent()
    with pytest.raises(ValueError, match="`monitor` must be in the logs") as e:
        _fit(agent, StopOnEpisodeReturn(5.0))
    assert "monitor='val_episode_return' without `validation_data`" in str(
        e.value
    )
    assert int(agent.iteration) == 0


@pytest.mark.parametrize("monitor", ["return", "val_return"])
def test_monitor_that_is_not_in_the_logs_is_an_error(monitor):
    with pytest.raises(ValueError, match="`monitor` must be in the logs") as e:
        _fit(
            _agent(),
            StopOnEpisodeReturn(5.0, monitor=monitor),
            validation_data=ENV,
        )
    assert f"Received: monitor={monitor!r}, logs have [" in str(e.value)
    assert "'val_episode_return'" in str(e.value)


def test_stopping_works_with_other_models():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(
        np.zeros((2, 2)),
        np.zeros((2, 1)),
        epochs=3,
        callbacks=[StopOnEpisodeReturn(-1.0, monitor="loss")],
        verbose=0,
    )
    assert len(history.epoch) == 1
