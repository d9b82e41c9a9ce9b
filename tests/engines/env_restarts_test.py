"""Training on environments that fail: as on the same ones that do not."""

import functools

import keras
import numpy as np
import pytest

import keras_cem as cem
from keras_cem.agent.opening import open_playable
from tests import toy_envs

FAULTS = [toy_envs.raise_fault, toy_envs.raise_local_fault]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.* It is created again:RuntimeWarning"),
    pytest.mark.filterwarnings(
        r"ignore:.*(from Worker-\d|Traceback|back to the main process)"
    ),
]


def train(env, **kwargs):
    keras.utils.set_random_seed(0)
    agent = cem.CEMAgent(
        keras.Sequential(
            [keras.layers.Dense(3, kernel_initializer="orthogonal")]
        ),
        toy_envs.Seeded.action_space,
        elite_quantile=0.6,
        seed=3,
    )
    agent.compile(keras.optimizers.SGD(0.1))
    history = agent.fit(
        env,
        batch_size=16,
        epochs=3,
        max_episode_steps=10,
        verbose=0,
        callbacks=[cem.callbacks.EpsilonDecay()],
        **kwargs,
    )
    return agent.policy.get_weights(), history.history


@pytest.mark.parametrize(
    ("faults", "options"),
    [
        (FAULTS, {"num_envs": 5}),
        (
            [toy_envs.kill_process, toy_envs.hang, *FAULTS],
            {
                "num_envs": 2,
                "vectorization_mode": "async",
                "step_timeout": 1.0,
            },
        ),
    ],
    ids=["sync", "async"],
)
def test_training_is_as_if_nothing_had_failed(tmp_path, faults, options):
    expected_weights, expected = train(toy_envs.Seeded)
    weights, history = train(
        functools.partial(toy_envs.Flaky, tmp_path, faults, every=5),
        max_env_restarts=99,
        **options,
    )
    hits = toy_envs.hits(tmp_path)
    assert set(hits) == {fault.__name__ for fault in faults}
    restarts = history.pop("env_restarts")
    assert expected.pop("env_restarts") == [0, 0, 0]
    if options["num_envs"] == 5:
        # Each cost one sub-environment.
        assert restarts[-1] == sum(hits.values())
    else:
        # Both may go wrong at once; and a busy machine may be late by itself.
        assert 2 * restarts[-1] >= sum(hits.values())
    assert restarts == sorted(restarts)
    assert history == expected
    for received, array in zip(weights, expected_weights, strict=True):
        np.testing.assert_array_equal(received, array)


def test_validation_has_restarts_of_its_own(tmp_path):
    # One step an epoch of each, and every validation episode fails once.
    make = functools.partial(
        toy_envs.Flaky, tmp_path, FAULTS, every=1, resets=True
    )
    _, history = train(
        toy_envs.Seeded,
        validation_data=make,
        validation_batch_size=2,
        max_env_restarts=6,
    )
    # Reported with the iteration after it.
    assert history["env_restarts"] == [0, 2, 4]


def test_too_many_failures_leave_the_weights():
    # Of this seed, the episode of trajectory 0 has no second step.
    agent = cem.CEMAgent.from_env("ToySeeded-v0", hidden_units=(2,), seed=0)
    agent.compile("sgd")
    before = agent.get_weights()
    with pytest.raises(
        RuntimeError,
        match=r"trajectory 1, step 1\. Restarts so far: 2 of "
        r"max_env_restarts=2\.",
    ) as error:
        agent.fit(
            "ToyFailingTracked-v0",
            batch_size=2,
            num_envs=1,
            max_env_restarts=2,
            verbose=0,
        )
    assert type(error.value.__cause__) is toy_envs.MotorError
    for array, received in zip(before, agent.get_weights(), strict=True):
        np.testing.assert_array_equal(received, array)


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("max_env_restarts", -1, "at least 0. Received: max_env_restarts=-1."),
        ("max_env_restarts", 0.5, "Received: max_env_restarts=0.5."),
        ("step_timeout", 0.0, "must be at least 0.001 and finite. Received: "),
        ("step_timeout", float("nan"), "Received: step_timeout=nan"),
    ],
)
def test_values_out_of_range(option, value, error):
    agent = cem.CEMAgent.from_env("ToySeeded-v0", hidden_units=(2,), seed=0)
    with pytest.raises(ValueError, match=error):
        agent.collect(
            "ToySeeded-v0", 2, vectorization_mode="async", **{option: value}
        )


@pytest.mark.parametrize(
    ("option", "value"), [("max_env_restarts", 2), ("step_timeout", 1.0)]
)
def test_environments_in_the_graph_have_neither(option, value):
    agent = cem.CEMAgent.from_env("CartPole-v1", hidden_units=(2,), seed=0)
    with pytest.raises(
        ValueError,
        match=f"`{option}` must be None for an in-graph environment.*"
        f"Received: {option}={value}",
    ):
        agent.collect("CartPole-v1", 2, engine="graph", **{option: value})


def test_restarts_are_of_the_host():
    agent = cem.CEMAgent.from_env("CartPole-v1", hidden_units=(2,), seed=0)
    source = open_playable(agent, "CartPole-v1", 2, {"max_env_restarts": 5})
    assert source.max_env_restarts == 5
    source.close()
