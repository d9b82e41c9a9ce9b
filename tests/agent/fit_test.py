"""`fit` on environments, as Keras users know `fit`."""

import csv
import functools
import math
import re

import gymnasium
import keras
import numpy as np
import pytest
import tensorflow as tf
from gymnasium.vector import AutoresetMode

import keras_cem as cem
from tests import toy_envs

pytestmark = pytest.mark.slow

KEYS = {
    "loss",
    "episode_return",
    "episode_return_max",
    "episode_length",
    "elite_threshold",
    "num_elites",
    "epsilon",
    "env_steps",
    "env_restarts",
    "num_nonfinite",
}
VALIDATION_KEYS = {"val_episode_return", "val_episode_length"}


class Count(keras.layers.Layer):
    """Outputs its only weight, whatever it observes; counts its traces."""

    def build(self, input_shape):
        self.count = self.add_weight(
            shape=(), initializer="zeros", name="count"
        )
        self.traces = 0

    def call(self, inputs):
        self.traces += 1
        return 0.0 * inputs + self.count


def upward(actions, outputs):
    """Loss with the gradient -1, so that `SGD(1.0)` adds 1 an iteration."""
    return -tf.reduce_mean(outputs, axis=-1)


def counting_agent(**compile_kwargs):
    """An agent whose actions on `Echo`, and so returns, count its updates."""
    agent = cem.CEMAgent(
        Count(),
        toy_envs.Echo.action_space,
        observation_space=toy_envs.Echo.observation_space,
        action_scale=1.0,
        ties="inclusive",
        epsilon=0.0,
        seed=0,
    )
    agent.compile(keras.optimizers.SGD(1.0), loss=upward, **compile_kwargs)
    return agent


@pytest.fixture(scope="module")
def counter():
    """An agent for tests that go on from any number of updates."""
    return counting_agent()


def seeded_agent(seed=0, run_eagerly=False, **kwargs):
    agent = cem.CEMAgent.from_env(
        "ToySeeded-v0", hidden_units=(), seed=seed, minibatch_size=5, **kwargs
    )
    agent.compile(
        keras.optimizers.SGD(0.1, momentum=0.9), run_eagerly=run_eagerly
    )
    return agent


def fit_seeded(agent, epochs, *callbacks, **kwargs):
    """Two iterations an epoch with an epsilon that decays."""
    return agent.fit(
        "ToySeeded-v0",
        batch_size=4,
        epochs=epochs,
        steps_per_epoch=2,
        callbacks=[cem.callbacks.EpsilonDecay(), *callbacks],
        verbose=0,
        **kwargs,
    )


@pytest.fixture(scope="module")
def whole():
    """An agent after four epochs without a break."""
    agent = seeded_agent()
    fit_seeded(agent, 4)
    return agent


def weights_of(agent):
    return [variable.numpy() for variable in agent.variables]


def assert_same_weights(one, other):
    for a, b in zip(weights_of(one), weights_of(other), strict=True):
        np.testing.assert_array_equal(a, b)


def forms():
    """`Echo` in all forms, as the arguments of `fit`."""
    sync = toy_envs.vectorized(toy_envs.Echo, 3)(AutoresetMode.NEXT_STEP)
    return {
        "id": {"x": "ToyEcho-v0"},
        "callable": {"x": toy_envs.Echo, "max_episode_steps": 1},
        "env": {"x": gymnasium.make("ToyEcho-v0")},
        "sync vector": {"x": sync, "max_episode_steps": 1},
        "own vector": {"x": toy_envs.EchoVectorEnv(), "max_episode_steps": 1},
    }


FORMS = forms()
ASYNC = {
    "async": {"x": "ToyEcho-v0", "vectorization_mode": "async", "num_envs": 3}
}


@pytest.mark.parametrize(
    ("compile_kwargs", "steps_per_epoch", "forms"),
    [
        ({}, 3, {**FORMS, **ASYNC}),
        # Executions of 4 and 2.
        ({"steps_per_execution": 4}, 6, {**FORMS, **ASYNC}),
        ({"run_eagerly": True}, 2, FORMS),
        ({"jit_compile": True, "steps_per_execution": 4}, 6, FORMS),
    ],
    ids=["graph", "executions", "eager", "jit"],
)
def test_trajectories_are_never_stale(compile_kwargs, steps_per_epoch, forms):
    agent = counting_agent(**compile_kwargs)
    for form, arguments in forms.items():
        before = int(agent.iteration)
        history = agent.fit(
            **arguments,
            batch_size=3,
            epochs=2,
            steps_per_epoch=steps_per_epoch,
            validation_data=arguments["x"],
            verbose=0,
        ).history
        for epoch in range(2):
            # Returns are the number of updates done before the collection.
            first = before + epoch * steps_per_epoch
            last = first + steps_per_epoch - 1
            received = {key: history[key][epoch] for key in history}
            assert received["episode_return"] == (first + last) / 2, form
            assert received["episode_return_max"] == last, form
            assert received["val_episode_return"] == last + 1, form
        done = before + 2 * steps_per_epoch
        assert int(agent.iteration) == done
        assert float(agent.policy.count) == done
        assert int(agent.env_steps) == 3 * done


def test_second_fit_traces_nothing():
    agent = counting_agent(steps_per_execution=2)
    policy = agent.policy

    def fit():
        agent.fit(
            "ToyEcho-v0",
            batch_size=3,
            epochs=2,
            steps_per_epoch=4,
            validation_data="ToyEcho-v0",
            verbose=0,
        )
        return policy.traces

    policy.traces = 0
    traced = fit()
    # The actors of training and validation, and the update.
    assert 0 < traced <= 4
    assert fit() == traced
    agent.evaluate("ToyEcho-v0", batch_size=3, verbose=0)
    assert fit() == traced
    assert len(agent._player._actors) == 2
    assert agent.run is None


def test_epochs_start_at_0_again(counter):
    before = int(counter.iteration)
    for _ in range(2):
        history = counter.fit("ToyEcho-v0", batch_size=3, epochs=3, verbose=0)
        assert history.epoch == [0, 1, 2]
    history = counter.fit(
        "ToyEcho-v0", batch_size=3, epochs=5, initial_epoch=3, verbose=0
    )
    assert history.epoch == [3, 4]
    assert int(counter.iteration) == before + 8


def test_resumed_equals_uninterrupted(whole, tmp_path):
    def backup():
        return keras.callbacks.BackupAndRestore(
            str(tmp_path / "backup"), delete_checkpoint=False
        )

    half = seeded_agent()
    fit_seeded(half, 2, backup())
    half.save(tmp_path / "agent.keras")

    loaded = keras.saving.load_model(tmp_path / "agent.keras")
    history = fit_seeded(loaded, 4, initial_epoch=2)
    assert history.epoch == [2, 3]
    assert int(loaded.iteration) == 8
    assert_same_weights(loaded, whole)

    restored = seeded_agent()
    assert fit_seeded(restored, 4, backup()).epoch == [2, 3]
    assert_same_weights(restored, whole)
    # What was restored is not the start of later fits.
    assert fit_seeded(restored, 1).epoch == [0]


def test_same_seed_same_weights(whole):
    again = seeded_agent()
    fit_seeded(again, 4, num_envs=3)
    assert_same_weights(again, whole)
    other = seeded_agent(seed=1)
    fit_seeded(other, 4)
    assert not np.array_equal(
        other.policy.get_weights()[0], whole.policy.get_weights()[0]
    )


def test_history_is_true():
    agent = seeded_agent(elite_quantile=0.6)
    batches = []
    play = agent._player.play

    def spy(source, size, stream, **kwargs):
        batches.append(play(source, size, stream, **kwargs))
        return batches[-1]

    agent._player.play = spy
    history = agent.fit(
        "ToySeeded-v0",
        batch_size=6,
        epochs=2,
        steps_per_epoch=2,
        validation_data="ToySeeded-v0",
        validation_batch_size=5,
        validation_steps=2,
        callbacks=[cem.callbacks.EpsilonDecay()],
        verbose=0,
    ).history
    assert set(history) == KEYS | VALIDATION_KEYS
    env_steps = 0
    for epoch in range(2):
        train = batches[4 * epoch : 4 * epoch + 2]
        test = batches[4 * epoch + 2 : 4 * epoch + 4]
        assert [len(batch.mask) for batch in train + test] == [6, 6, 5, 5]
        starts = [batch.observations[0, 0].tolist() for batch in train + test]
        # Validation plays other episodes than the training that follows it.
        starts += [batches[(4 * epoch + 4) % 8].observations[0, 0].tolist()]
        assert len(set(map(tuple, starts))) == 5
        returns = np.array([batch.returns for batch in train])
        lengths = np.array([batch.lengths for batch in train])
        thresholds = np.quantile(returns, 0.6, axis=1)
        env_steps += lengths.sum()
        expected = {
            "episode_return": returns.mean(),
            "episode_return_max": returns.max(),
            "episode_length": lengths.mean(),
            "elite_threshold": thresholds.mean(),
            "num_elites": (returns > thresholds[:, None]).sum(axis=1).mean(),
            "epsilon": 1 / (2 * epoch + 2),  # of the epoch's last iteration
            "env_steps": env_steps,
            "env_restarts": 0,
            "num_nonfinite": 0,
            "val_episode_return": np.mean([batch.returns for batch in test]),
            "val_episode_length": np.mean([batch.lengths for batch in test]),
        }
        received = {key: history[key][epoch] for key in expected}
        assert received == pytest.approx(expected, rel=1e-5)
        assert math.isfinite(history["loss"][epoch])
    assert int(agent.env_steps) == env_steps


def test_keys_without_validation(counter):
    history = counter.fit("ToyEcho-v0", batch_size=3, epochs=1, verbose=0)
    assert set(history.history) == KEYS
    assert history.params["steps"] == 1
    # On arrays, Keras' own are back.
    assert counter.metrics_names == ["loss"]


def test_validation_frequency(counter):
    before = int(counter.iteration)
    history = counter.fit(
        "ToyEcho-v0",
        batch_size=3,
        epochs=5,
        validation_data="ToyEcho-v0",
        validation_freq=2,
        verbose=0,
    )
    received = history.history["val_episode_return"]
    assert received == [before + 2, before + 4]


def test_csv_logger(counter, tmp_path):
    path = tmp_path / "history.csv"
    history = counter.fit(
        "ToyEcho-v0",
        batch_size=3,
        epochs=3,
        validation_data="ToyEcho-v0",
        callbacks=[keras.callbacks.CSVLogger(str(path))],
        verbose=0,
    )
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert set(rows[0]) == {"epoch", *KEYS, *VALIDATION_KEYS}
    for key, values in history.history.items():
        assert [float(row[key]) for row in rows] == values


def test_tensorboard(tmp_path):
    from tensorboard.backend.event_processing import event_accumulator

    agent = seeded_agent(run_eagerly=True)
    history = agent.fit(
        "ToySeeded-v0",
        batch_size=4,
        epochs=2,
        validation_data="ToySeeded-v0",
        callbacks=[keras.callbacks.TensorBoard(str(tmp_path))],
        verbose=0,
    ).history
    for folder, prefix in (("train", ""), ("validation", "val_")):
        events = event_accumulator.EventAccumulator(str(tmp_path / folder))
        events.Reload()
        for name in ("episode_return", "episode_length"):
            values = [
                float(tf.make_ndarray(event.tensor_proto))
                for event in events.Tensors(f"epoch_{name}")
            ]
            assert values == pytest.approx(history[prefix + name])


def test_model_checkpoint_keeps_the_best(tmp_path):
    path = str(tmp_path / "best.keras")
    agent = seeded_agent()
    policies = []
    history = agent.fit(
        "ToySeeded-v0",
        batch_size=4,
        epochs=4,
        validation_data="ToySeeded-v0",
        callbacks=[
            keras.callbacks.ModelCheckpoint(
                path,
                monitor="val_episode_return",
                mode="max",
                save_best_only=True,
            ),
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: policies.append(
                    agent.policy.get_weights()
                )
            ),
        ],
        verbose=0,
    ).history
    best = int(np.argmax(history["val_episode_return"]))
    loaded = keras.saving.load_model(path)
    for received, expected in zip(
        loaded.policy.get_weights(), policies[best], strict=True
    ):
        np.testing.assert_array_equal(received, expected)
    assert int(loaded.iteration) == best + 1
    again = loaded.fit("ToySeeded-v0", batch_size=4, epochs=1, verbose=0)
    assert set(again.history) == KEYS


def test_early_stopping(counter):
    # An episode of `Echo` never gets longer.
    stop = keras.callbacks.EarlyStopping(
        monitor="val_episode_length", mode="max", patience=2
    )
    history = counter.fit(
        "ToyEcho-v0",
        batch_size=3,
        epochs=20,
        validation_data="ToyEcho-v0",
        callbacks=[stop],
        verbose=0,
    )
    assert history.epoch == [0, 1, 2]


def test_learning_rate_scheduler():
    agent = counting_agent()
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch: 10.0**epoch)
    history = agent.fit(
        "ToyEcho-v0", batch_size=3, epochs=3, callbacks=[schedule], verbose=0
    )
    assert history.history["episode_return"] == [0, 1, 11]
    assert history.history["learning_rate"] == [1, 10, 100]
    assert float(agent.policy.count) == 111


@pytest.mark.parametrize("verbose", [1, 2])
def test_progress_bar(counter, capsys, verbose):
    before = int(counter.iteration)
    counter.fit(
        "ToyEcho-v0",
        batch_size=3,
        epochs=2,
        steps_per_epoch=2,
        validation_data="ToyEcho-v0",
        verbose=verbose,
    )
    told = capsys.readouterr().out
    for key in KEYS | VALIDATION_KEYS:
        assert f"{key}: " in told
    assert "Epoch 2/2" in told
    assert "2/2" in told
    # The first epoch's, and those of the last validation.
    assert re.search(rf"\bepisode_return: {before}\.5000", told)
    assert re.search(rf"val_episode_return: {before + 4}\.0000", told)


class EvaluateMeanwhile(keras.callbacks.Callback):
    """Evaluates on other environments, and on arrays, where it may."""

    def __init__(self):
        super().__init__()
        self.evaluated = []

    def on_train_batch_end(self, batch, logs=None):
        self._evaluate()

    def on_epoch_end(self, epoch, logs=None):
        self._evaluate()

    def _evaluate(self):
        agent = self.model
        self.evaluated.append(
            agent.evaluate(
                "ToySeeded-v0",
                batch_size=3,
                steps=2,
                return_dict=True,
                verbose=0,
            )
        )
        arrays = np.zeros((4, 2), np.float32), np.zeros(4, np.int64)
        logs = agent.evaluate(*arrays, return_dict=True, verbose=0)
        assert set(logs) == {"loss"}
        agent.collect("ToySeeded-v0", 2, epsilon=0.5)
        agent.predict(arrays[0], verbose=0)


def test_evaluate_in_a_callback_disturbs_nothing():
    def fit(*callbacks):
        agent = seeded_agent()
        history = fit_seeded(
            agent, 2, *callbacks, validation_data="ToySeeded-v0"
        )
        return agent, history.history

    alone, expected = fit()
    meanwhile = EvaluateMeanwhile()
    agent, history = fit(meanwhile)
    assert history == expected
    assert_same_weights(agent, alone)
    assert len(meanwhile.evaluated) == 6
    # The last one, on the final weights, is what the user gets afterwards.
    assert meanwhile.evaluated[-1] == agent.evaluate(
        "ToySeeded-v0", batch_size=3, steps=2, return_dict=True, verbose=0
    )


def test_evaluate_in_a_callback_of_a_fit_without_validation(counter):
    before = int(counter.iteration)
    evaluated = []

    def evaluate(epoch, logs):
        evaluated.append(
            counter.evaluate("ToyEcho-v0", batch_size=3, verbose=0)
        )

    history = counter.fit(
        "ToyEcho-v0",
        batch_size=3,
        epochs=2,
        steps_per_epoch=2,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=evaluate)],
        verbose=0,
    ).history
    assert set(history) == KEYS
    assert history["episode_return"] == [before + 0.5, before + 2.5]
    assert evaluated == [[before + 2, 1], [before + 4, 1]]


def test_arrays_between_environments():
    agent = counting_agent(metrics=["mae"])
    arrays = np.zeros((8, 1), np.float32), np.full((8, 1), 5.0, np.float32)

    def environment_epochs():
        return agent.fit(
            "ToyEcho-v0",
            batch_size=3,
            epochs=1,
            validation_data="ToyEcho-v0",
            verbose=0,
        ).history

    assert set(environment_epochs()) == KEYS | VALIDATION_KEYS
    before = float(agent.policy.count)
    history = agent.fit(
        *arrays, batch_size=4, epochs=3, validation_data=arrays, verbose=0
    )
    assert set(history.history) == {"loss", "mae", "val_loss", "val_mae"}
    # Two batches an epoch, each of which adds 1.
    assert float(agent.policy.count) == before + 6
    assert history.history["val_mae"] == [
        abs(5 - before - 2 * n) for n in (1, 2, 3)
    ]
    # Iterations are of environments only.
    assert int(agent.iteration) == 1
    assert agent.evaluate(*arrays, return_dict=True, verbose=0)["mae"] == 2.0
    history = environment_epochs()
    assert set(history) == KEYS | VALIDATION_KEYS
    assert history["episode_return"] == [before + 6]


@pytest.fixture
def tracked():
    toy_envs.Tracked.open_envs.clear()
    toy_envs.Tracked.made = 0
    return toy_envs.Tracked


def test_environments_made_by_fit_are_closed(tracked):
    agent = seeded_agent(run_eagerly=True)
    arguments = {"batch_size": 4, "verbose": 0}
    agent.fit(
        "ToyTracked-v0",
        validation_data=tracked,
        max_episode_steps=5,
        **arguments,
    )
    assert tracked.made == 8
    assert not tracked.open_envs
    agent.evaluate("ToyTracked-v0", **arguments)
    agent.collect("ToyTracked-v0", 4)
    assert tracked.made == 16
    assert not tracked.open_envs
    with pytest.raises(RuntimeError, match="the motor is off"):
        agent.fit(
            "ToyTracked-v0",
            validation_data="ToyFailingTracked-v0",
            max_env_restarts=0,
            **arguments,
        )
    assert not tracked.open_envs
    with pytest.raises(ValueError, match="max_episode_steps=None"):
        agent.fit("ToyTracked-v0", validation_data="ToyEndless-v0", **arguments)
    assert not tracked.open_envs


class Stuck(toy_envs.Seeded):
    def close(self):
        raise OSError("the motor still runs")


def test_environment_that_cannot_be_closed_keeps_no_other_open(tracked):
    with pytest.warns(RuntimeWarning, match="the motor still runs"):
        seeded_agent(run_eagerly=True).fit(
            Stuck,
            batch_size=2,
            validation_data=tracked,
            max_episode_steps=5,
            verbose=0,
        )
    assert tracked.made == 2
    assert not tracked.open_envs


def test_environments_of_the_user_stay_open(tracked):
    agent = seeded_agent(run_eagerly=True)
    env = tracked()
    vector = toy_envs.vectorized(tracked, 2)(AutoresetMode.SAME_STEP)
    for x in (env, vector):
        agent.fit(
            x,
            batch_size=4,
            validation_data=x,
            max_episode_steps=5,
            verbose=0,
        )
    assert len(tracked.open_envs) == 3
    env.reset(seed=0)
    vector.reset(seed=0)


def test_default_batch_size_is_64(counter):
    before = int(counter.env_steps)
    counter.fit("ToyEcho-v0", verbose=0)
    assert int(counter.env_steps) == before + 64


def test_callable_with_arguments(counter):
    before = int(counter.env_steps)
    make = functools.partial(gymnasium.make, "ToyEcho-v0")
    counter.fit(make, batch_size=3, verbose=0)
    assert int(counter.env_steps) == before + 3
