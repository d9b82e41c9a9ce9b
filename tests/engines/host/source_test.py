"""Whole batches of trajectories against arrays written out by hand.

Scripted episodes (`toy_envs.Scripted`) of 2, 3, 3, 2 and 3 steps with the
labels 1 to 5, played by a policy that acts `(label + step) % 5`.
"""

import functools
import re

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorWrapper

from keras_cem.engines import sources
from keras_cem.engines.playing import Options
from tests import toy_envs

SEEDS = [21, 32, 33, 24, 35]
OBSERVATIONS = [
    [[1, 0], [1, 1], [0, 0]],
    [[2, 0], [2, 1], [2, 2]],
    [[3, 0], [3, 1], [3, 2]],
    [[4, 0], [4, 1], [0, 0]],
    [[5, 0], [5, 1], [5, 2]],
]
ACTIONS = [[1, 2, 0], [2, 3, 4], [3, 4, 0], [4, 0, 0], [0, 1, 2]]
REWARDS = [
    [101, 112, 0],
    [202, 213, 224],
    [303, 314, 320],
    [404, 410, 0],
    [500, 511, 522],
]
MASK = [
    [True, True, False],
    [True, True, True],
    [True, True, True],
    [True, True, False],
    [True, True, True],
]
TERMINATED = [False, True, False, True, False]
# Of `toy_envs.ScriptedVectorEnv`, which is reset as a whole: by the seeds of
# the first and the fourth trajectory.
WAVE_SEEDS = [1, 0, 0, 4, 0]

MODES = list(AutoresetMode)


class Policy:
    """Acts `(label + step) % 5`; keeps the counters that it is given."""

    def __init__(self, first=0):
        self.calls = 0
        self._first = first

    def __call__(self, observations, counter):
        (observations,) = observations
        labels, steps = observations.T.astype(np.int64)
        assert counter.shape == (2, len(observations))
        # Trajectory k has the label k + 1: the counter must be in step with
        # the observations, but for slots that are not in use.
        used = (labels == counter[0] - self._first + 1) & (steps == counter[1])
        assert used.any()
        self.calls += 1
        return [(labels + steps) % 5], np.ones(len(labels), bool)


def collect(env, seeds=SEEDS, first=0, **options):
    source = sources.open_source(
        env, Options(**{"batch_size": len(seeds), **options})
    )
    try:
        return source.collect(Policy(first), seeds, first)
    finally:
        source.close()


def check(trajectories, size=5):
    mask = np.array(MASK[:size])
    np.testing.assert_array_equal(trajectories.mask, mask)
    for received, expected in (
        (trajectories.observations, OBSERVATIONS),
        (trajectories.actions, ACTIONS),
        (trajectories.rewards, REWARDS),
    ):
        expected = np.array(expected[:size])
        assert received.shape == expected.shape
        np.testing.assert_array_equal(received[mask], expected[mask])
    np.testing.assert_array_equal(trajectories.terminated, TERMINATED[:size])
    assert trajectories.observations.dtype == np.float32
    assert trajectories.actions.dtype == np.int64
    assert trajectories.rewards.dtype == np.float32
    returns = [213, 639, 937, 814, 1533]
    np.testing.assert_array_equal(trajectories.returns, returns[:size])
    np.testing.assert_array_equal(trajectories.lengths, [2, 3, 3, 2, 3][:size])


@pytest.mark.parametrize("num_envs", [1, 2, 3, 5, 7])
def test_callable(num_envs):
    check(collect(toy_envs.Scripted, num_envs=num_envs, max_episode_steps=3))


def test_id():
    check(collect("ToyScripted-v0"))


def test_single_env():
    check(collect(toy_envs.Scripted(), max_episode_steps=3))


@pytest.mark.parametrize("num_envs", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("mode", MODES)
def test_sync_vector_env(mode, num_envs):
    env = toy_envs.vectorized(toy_envs.Scripted, num_envs)(mode)
    check(collect(env, max_episode_steps=3))


@pytest.mark.parametrize("num_envs", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("mode", MODES)
def test_wrapped_sync_vector_env(mode, num_envs):
    make = toy_envs.vectorized(toy_envs.Scripted, num_envs, VectorWrapper)
    check(collect(make(mode), max_episode_steps=3))


@pytest.mark.parametrize("mode", MODES)
def test_vector_env_of_other_kind(mode):
    env = toy_envs.ScriptedVectorEnv(mode)
    check(collect(env, WAVE_SEEDS, max_episode_steps=3))


def test_vector_env_of_other_kind_without_autoreset_mode():
    env = toy_envs.ScriptedVectorEnv(AutoresetMode.NEXT_STEP)
    env.metadata = {}
    check(collect(env, WAVE_SEEDS, max_episode_steps=3))


@pytest.fixture(scope="module", params=MODES)
def async_vector_env(request):
    env = gymnasium.vector.AsyncVectorEnv(
        [toy_envs.Scripted] * 3,
        context="forkserver",
        autoreset_mode=request.param,
    )
    yield env
    env.close()


def test_async_vector_env(async_vector_env):
    check(collect(async_vector_env, max_episode_steps=3))
    # The same sub-environments again, fewer than there are, and again.
    check(collect(async_vector_env, SEEDS[:2], max_episode_steps=3), size=2)
    check(collect(async_vector_env, max_episode_steps=3))


def test_async_mode():
    check(
        collect(
            functools.partial(toy_envs.Scripted),
            num_envs=2,
            vectorization_mode="async",
            max_episode_steps=3,
        )
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("wrapper", [None, VectorWrapper])
def test_order_of_trajectories_does_not_matter(wrapper, mode):
    order = [4, 2, 0, 1, 3]
    env = toy_envs.vectorized(toy_envs.Scripted, 2, wrapper)(mode)
    source = sources.open_source(env, Options(5, max_episode_steps=3))

    def act(observations, counter):
        labels, steps = observations[0].T.astype(np.int64)
        return [(labels + steps) % 5], np.ones(2, bool)

    played = source.collect(act, [SEEDS[k] for k in order])
    mask = np.array(MASK)
    np.testing.assert_array_equal(played.mask, mask[order])
    rewards = np.where(mask, REWARDS, 0)[order]
    np.testing.assert_array_equal(
        np.where(played.mask, played.rewards, 0), rewards
    )


@pytest.mark.parametrize(
    "make",
    [
        toy_envs.vectorized(toy_envs.Scripted, 2),
        toy_envs.vectorized(toy_envs.Scripted, 2, VectorWrapper),
        toy_envs.vectorized(toy_envs.Scripted, 4, VectorWrapper),
    ],
    ids=["sync", "wrapped", "wrapped-idle"],
)
@pytest.mark.parametrize("mode", MODES)
def test_two_sources_share_an_environment(make, mode):
    # As training and validation do in `fit(env, validation_data=env)`. What
    # one leaves unfinished must not reach the other.
    env = make(mode)
    options = Options(2, max_episode_steps=2)
    one, other = (sources.open_source(env, options) for _ in range(2))
    for size, source in ((2, one), (5, other), (3, one), (1, other), (5, one)):
        played = source.collect(Policy(), SEEDS[:size])
        np.testing.assert_array_equal(
            played.rewards, np.array(REWARDS)[:size, :2]
        )
        # The cap of 2 steps truncates those that would end after 3.
        np.testing.assert_array_equal(
            played.terminated, [False, False, False, True, False][:size]
        )


def test_first_numbers_the_trajectories():
    check(collect(toy_envs.Scripted, first=70, num_envs=2, max_episode_steps=3))


@pytest.mark.parametrize(
    ("env", "seeds"),
    [
        (toy_envs.Scripted, SEEDS),
        (
            toy_envs.vectorized(toy_envs.Scripted, 2)(AutoresetMode.NEXT_STEP),
            SEEDS,
        ),
        *(
            (
                toy_envs.vectorized(toy_envs.Scripted, 2, VectorWrapper)(mode),
                SEEDS,
            )
            for mode in MODES
        ),
        *((toy_envs.ScriptedVectorEnv(mode), WAVE_SEEDS) for mode in MODES),
    ],
)
def test_cap_below_the_end_truncates(env, seeds):
    played = collect(env, seeds, max_episode_steps=2)
    np.testing.assert_array_equal(played.mask, np.ones((5, 2), bool))
    np.testing.assert_array_equal(played.rewards, np.array(REWARDS)[:, :2])
    np.testing.assert_array_equal(
        played.observations, np.array(OBSERVATIONS)[:, :2]
    )
    # Those of 2 steps end by themselves in the step of the cap.
    np.testing.assert_array_equal(
        played.terminated, [False, False, False, True, False]
    )


def test_cap_above_the_end_pads():
    played = collect(toy_envs.Scripted, max_episode_steps=50)
    assert played.mask.shape == (5, 50)
    np.testing.assert_array_equal(played.lengths, [2, 3, 3, 2, 3])
    np.testing.assert_array_equal(played.mask[:, :3], MASK)


def test_policy_is_called_once_a_vector_step():
    source = sources.open_source(
        toy_envs.Scripted, Options(5, max_episode_steps=3)
    )
    policy = Policy()
    source.collect(policy, SEEDS)
    assert policy.calls == 3


def test_every_episode_counts_the_same():
    # The length says what the return will be: those that finish first are
    # worth nothing.
    num_envs, size, rounds = 4, 16, 250
    source = sources.open_source(
        toy_envs.Gamble, Options(size, num_envs, max_episode_steps=9)
    )

    def act(observations, counter):
        return [np.zeros(num_envs, np.int64)], np.ones(num_envs, bool)

    seeds = iter(
        np.random.SeedSequence(0).generate_state(size * rounds).tolist()
    )
    played = [
        source.collect(act, [next(seeds) for _ in range(size)])
        for _ in range(rounds)
    ]
    returns = np.concatenate([each.returns for each in played])
    lengths = np.concatenate([each.lengths for each in played])
    env, count = toy_envs.Gamble, size * rounds
    # Three standard errors of the mean: 0.19 and 0.16.
    return_margin = 3 * (env.return_variance / count) ** 0.5
    length_margin = 3 * (env.length_variance / count) ** 0.5
    assert abs(returns.mean() - env.mean_return) < return_margin
    assert abs(lengths.mean() - env.mean_length) < length_margin


def test_first_to_finish_would_be_biased():
    # That the test above can fail: the same environment, counted the way that
    # this package does not.
    vector = SyncVectorEnv([toy_envs.Gamble] * 4)
    returns = []
    for seed in range(250):
        finished, sums = [], np.zeros(4)
        vector.reset(seed=4 * seed)
        ghost = np.zeros(4, bool)
        while len(finished) < 16:
            _, rewards, terminated, _, _ = vector.step(np.zeros(4, int))
            sums += rewards
            finished.extend(sums[terminated])
            sums[terminated] = 0.0
            ghost = terminated
        assert ghost.any()
        returns.extend(finished[:16])
    env = toy_envs.Gamble
    margin = 3 * (env.return_variance / len(returns)) ** 0.5
    assert np.mean(returns) < env.mean_return - margin


def complain_about(fault, call="step", num_envs=1, act=None, first=0, **kwargs):
    """Message of the error that a faulty environment ends a collection with."""
    source = sources.open_source(
        functools.partial(toy_envs.Failing, fault, call, **kwargs),
        Options(4, num_envs, max_episode_steps=3, max_env_restarts=0),
    )

    def fine(observations, counter):
        return [np.ones(num_envs, np.int64)], np.ones(num_envs, bool)

    with pytest.raises(RuntimeError) as error:
        source.collect(act or fine, [1, 2, 3, 4], first)
    return error.value


def nan():
    return float("nan")


def infinity():
    return float("inf")


def nan_observation():
    return np.array([0.0, np.nan], np.float32)


@pytest.mark.parametrize(
    ("fault", "call", "what", "where"),
    [
        (nan, "reward", "reward is nan", "trajectory 2, step 1"),
        (infinity, "reward", "reward is inf", "trajectory 2, step 1"),
        (nan_observation, "reset", "observation is", "trajectory 2, step 0"),
        # What is observed after the second step stands before the third.
        (nan_observation, "step", "observation is", "trajectory 2, step 2"),
    ],
)
def test_not_finite_says_where(fault, call, what, where):
    error = complain_about(fault, call, episode=2)
    assert f"{what}" in str(error)
    assert "not finite" in str(error)
    assert "Failing" in str(error)
    assert f"sub-environment 0, {where}." in str(error)


def test_not_finite_in_one_of_several_sub_environments():
    # Trajectory 2 is the second episode of whichever is free first: of both
    # at once, of which the lower number takes the lower trajectory.
    error = complain_about(nan, "reward", num_envs=2, episode=1, step=2)
    assert "sub-environment 0, trajectory 2, step 2." in str(error)


def test_not_finite_in_a_later_batch_has_its_number():
    error = complain_about(nan, "reward", episode=2, first=64)
    assert "trajectory 66, step 1." in str(error)


def test_last_observation_of_an_episode_is_not_looked_at():
    # No action follows it, and nothing learns from it.
    source = sources.open_source(
        functools.partial(toy_envs.Failing, nan_observation, "step", 0, 2),
        Options(2, 1, max_episode_steps=3),
    )

    def act(observations, counter):
        return [np.ones(1, np.int64)], np.ones(1, bool)

    played = source.collect(act, [1, 2])
    np.testing.assert_array_equal(played.lengths, [3, 3])
    assert np.isfinite(played.observations).all()


def test_policy_output_that_is_not_finite_says_where():
    def act(observations, counter):
        return [np.zeros(1, np.int64)], counter[1] != 1

    error = complain_about(nan, act=act, episode=99)
    assert str(error).startswith("the policy's output is not finite.")
    assert "sub-environment 0, trajectory 0, step 1." in str(error)


@pytest.mark.parametrize(
    ("call", "where"),
    [("reset", "trajectory 1, step 0"), ("step", "trajectory 1, step 1")],
)
def test_exception_is_the_cause(call, where):
    error = complain_about(toy_envs.raise_fault, call, episode=1)
    assert str(error).startswith(
        f"`{call}` of the environment raised MotorError: the motor is off."
    )
    assert f"sub-environment 0, {where}." in str(error)
    assert type(error.__cause__) is toy_envs.MotorError


@pytest.mark.parametrize(
    ("observation", "received"),
    [
        (np.zeros(3, np.float32), "shape=(3,), dtype=float32"),
        (np.zeros((2, 1), np.float32), "shape=(2, 1), dtype=float32"),
        (np.array([None, 1.0]), "shape=(2,), dtype=object"),
        ("left", "shape=(), dtype=<U4"),
    ],
)
@pytest.mark.parametrize(("call", "step"), [("reset", 0), ("step", 1)])
def test_observation_that_does_not_fit(call, step, observation, received):
    error = complain_about(lambda: observation, call)
    assert "observations must have shape (2,) and dtype float32" in str(error)
    assert f"Received: {received}" in str(error)
    assert f"sub-environment 0, trajectory 0, step {step}." in str(error)


def test_float64_observations_are_stored_as_the_space_says():
    source = sources.open_source(
        functools.partial(toy_envs.Failing, lambda: np.full(2, 1 / 3), "reset"),
        Options(1, max_episode_steps=3),
    )

    def act(observations, counter):
        assert observations[0].dtype == np.float32
        return [np.ones(1, np.int64)], np.ones(1, bool)

    played = source.collect(act, [1])
    np.testing.assert_array_equal(
        played.observations[0, 0], np.full(2, 1 / 3, np.float32)
    )


@pytest.mark.parametrize("reward", ["much", np.zeros(2)], ids=repr)
def test_reward_that_is_no_number(reward):
    error = complain_about(lambda: reward, "reward")
    assert "`step` of the environment raised" in str(error)
    assert "trajectory 0, step 1." in str(error)


def test_reward_of_none_is_refused():
    error = complain_about(lambda: None, "reward")
    assert "Received: reward=None of type NoneType" in str(error)
    assert "sub-environment" in str(error)


def test_source_is_usable_after_a_failure():
    source = sources.open_source(
        functools.partial(toy_envs.Failing, toy_envs.raise_fault, episode=0),
        Options(2, 1, max_episode_steps=3, max_env_restarts=0),
    )

    def act(observations, counter):
        return [np.ones(1, np.int64)], np.ones(1, bool)

    with pytest.raises(RuntimeError, match=re.escape("the motor is off")):
        source.collect(act, [1, 2])
    np.testing.assert_array_equal(source.collect(act, [1, 2]).lengths, [3, 3])
