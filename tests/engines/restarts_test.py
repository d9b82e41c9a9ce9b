"""Trajectories of environments that fail and are created again."""

import functools

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, VectorWrapper

from keras_cem.engines import sources
from keras_cem.engines.playing import Options
from tests import processes, toy_envs

SEEDS = list(range(40, 64))
# Raised in this process, or in a worker.
RAISED = [
    toy_envs.raise_fault,
    toy_envs.raise_fault_of_two,
    toy_envs.raise_local_fault,
]
# What ends or holds up a process of its own.
ENDED = [toy_envs.end_process, toy_envs.kill_process, toy_envs.hang]

pytestmark = [
    pytest.mark.filterwarnings("ignore:.* It is created again:RuntimeWarning"),
    # Where a worker fails, gymnasium tells it, with the traceback.
    pytest.mark.filterwarnings(
        r"ignore:.*(from Worker-\d|Traceback|back to the main process)"
    ),
]


def act(observations, counter):
    """Depends on all that a policy may depend on."""
    mixed = counter[0] * 7 + counter[1] + observations[0][:, 0].astype(int)
    return [mixed % 3], np.ones(counter.shape[1], bool)


def collect(env, seeds=SEEDS, **options):
    source = sources.open_source(
        env,
        Options(len(seeds), max_episode_steps=10, **options),
    )
    try:
        return source.collect(act, seeds), source
    finally:
        source.close()


def assert_same(played, expected):
    np.testing.assert_array_equal(played.mask, expected.mask)
    np.testing.assert_array_equal(played.terminated, expected.terminated)
    for name in ("observations", "actions", "rewards"):
        np.testing.assert_array_equal(
            getattr(played, name)[expected.mask],
            getattr(expected, name)[expected.mask],
        )


@pytest.fixture(scope="module")
def expected():
    return collect(toy_envs.Seeded)[0]


@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("num_envs", [1, 5])
def test_sub_environments(tmp_path, expected, num_envs, resets):
    make = functools.partial(toy_envs.Flaky, tmp_path, RAISED, resets=resets)
    played, source = collect(make, num_envs=num_envs, max_env_restarts=99)
    hits = toy_envs.hits(tmp_path)
    assert set(hits) == {fault.__name__ for fault in RAISED}
    # Each cost one sub-environment, and no other was touched.
    assert source.num_env_restarts == sum(hits.values())
    assert_same(played, expected)


@pytest.mark.parametrize("wrapper", [None, VectorWrapper])
@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("resets", [False, True])
def test_vector_environments(tmp_path, expected, mode, wrapper, resets):
    make = functools.partial(toy_envs.Flaky, tmp_path, RAISED, resets=resets)
    vector = toy_envs.vectorized(make, 5, wrapper)
    played, source = collect(lambda: vector(mode), max_env_restarts=99)
    hits = toy_envs.hits(tmp_path)
    assert set(hits) == {fault.__name__ for fault in RAISED}
    assert source.num_env_restarts == sum(hits.values())
    assert_same(played, expected)


class OneLuck(toy_envs.EchoVectorEnv):
    """Three walks, reset as a whole, whose steps are drawn from one stream.

    So what one does depends on how often the others were stepped.
    """

    single_observation_space = toy_envs.Seeded.observation_space
    single_action_space = toy_envs.Seeded.action_space

    def __init__(self, folder=None):
        self._folder = folder

    def reset(self, *, seed=None, options=None):
        self._luck = np.random.default_rng(seed)
        self._seed, self._steps = seed, 0
        self._walks = self._luck.normal(size=(3, 2)).astype(np.float32)
        self._over = np.zeros(3, bool)
        return self._walks.copy(), {}

    def step(self, actions):
        self._steps += 1
        if self._folder is not None and self._steps == 3:
            file = self._folder / f"raise_fault-{self._seed}"
            if not file.exists():
                file.touch()
                toy_envs.raise_fault()
        self._walks += self._luck.normal(size=(3, 2)) + actions[:, None]
        rewards = self._walks.sum(axis=1)
        ended = self._luck.uniform(size=3) < 0.3
        return self._walks.copy(), rewards, ended, np.zeros(3, bool), {}


def test_vector_environment_that_is_reset_as_a_whole(tmp_path):
    expected, _ = collect(OneLuck)
    make = functools.partial(OneLuck, tmp_path)
    played, source = collect(make, max_env_restarts=99)
    hits = toy_envs.hits(tmp_path)
    assert source.num_env_restarts == sum(hits.values()) > 3
    # Some had ended by then: they are played again as well.
    assert (expected.lengths < 3).any()
    assert_same(played, expected)


def test_processes(tmp_path, expected):
    faults = [*ENDED, toy_envs.raise_local_fault]
    with processes.none_left():
        played, source = collect(
            functools.partial(toy_envs.Flaky, tmp_path, faults),
            num_envs=2,
            vectorization_mode="async",
            step_timeout=1.0,
            max_env_restarts=99,
        )
    hits = toy_envs.hits(tmp_path)
    assert set(hits) == {fault.__name__ for fault in faults}
    # Both may go wrong at once; and a busy machine may be late by itself.
    assert 2 * source.num_env_restarts >= sum(hits.values())
    assert_same(played, expected)


def test_warns_of_each_restart(tmp_path):
    make = functools.partial(
        toy_envs.Flaky, tmp_path, [toy_envs.raise_fault], every=3
    )
    with pytest.warns(RuntimeWarning) as warned:
        collect(make, [1, 3, 6], max_env_restarts=2, num_envs=1)
    said = [str(warning.message) for warning in warned]
    assert len(said) == 2
    assert said[0].startswith(
        "`step` of the environment raised MotorError: the motor is off. "
    )
    assert "sub-environment 0, trajectory 1, step 0. It is created" in said[0]
    assert said[0].endswith("episodes restart: restart 1 of 2.")
    assert said[1].endswith("episodes restart: restart 2 of 2.")


def test_one_restart_too_many(tmp_path):
    make = functools.partial(
        toy_envs.Flaky, tmp_path, [toy_envs.raise_fault], every=3
    )
    with pytest.raises(
        RuntimeError,
        match=r"raised MotorError: the motor is off\. .*sub-environment 0, "
        r"trajectory 2, step 0\. Restarts so far: 1 of "
        r"max_env_restarts=1\.",
    ) as error:
        collect(make, [1, 3, 6], max_env_restarts=1, num_envs=1)
    assert type(error.value.__cause__) is toy_envs.MotorError


def test_ready_made_says_that_it_cannot_be_made_anew(tmp_path):
    env = toy_envs.Flaky(tmp_path, [toy_envs.raise_fault], every=1)
    with pytest.raises(
        RuntimeError,
        match=r"MotorError.* An existing environment cannot be created again",
    ):
        collect(env)


def test_environment_that_cannot_be_made_anew(tmp_path):
    made = []

    def make():
        if made:
            raise OSError("no licence left")
        made.append(None)
        return toy_envs.Flaky(tmp_path, [toy_envs.raise_fault], every=1)

    with pytest.raises(
        RuntimeError,
        match="`making` of the environment raised OSError: no licence left",
    ) as error:
        collect(make, num_envs=1)
    assert "of max_env_restarts=3." in str(error.value)


def test_observation_that_does_not_fit_is_no_reason_to_try_again():
    make = functools.partial(toy_envs.Failing, lambda: np.zeros(3), "reset")
    with pytest.raises(RuntimeError, match="must have shape") as error:
        collect(make)
    assert "anew" not in str(error.value)


def test_environments_made_anew_are_closed(tmp_path):
    toy_envs.Tracked.open_envs.clear()

    class Both(toy_envs.Flaky, toy_envs.Tracked):
        def __init__(self, *args):
            toy_envs.Flaky.__init__(self, *args)
            toy_envs.Tracked.__init__(self)

    made = toy_envs.Tracked.made
    _, source = collect(
        functools.partial(Both, tmp_path, RAISED),
        num_envs=2,
        max_env_restarts=99,
    )
    assert Both.made - made == 2 + source.num_env_restarts
    assert not toy_envs.Tracked.open_envs
