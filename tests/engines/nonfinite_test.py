"""Collections that go on without the trajectories that are not finite.

Of `toy_envs.Spoilt` with the seed s: something is wrong where s is a multiple
of 4, in `reset` or before step s // 4 % 3.
"""

import functools

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, VectorWrapper

from keras_cem.engines import sources
from keras_cem.engines.playing import Options
from tests import toy_envs

SEEDS = list(range(40, 64))


def act(observations, counter):
    mixed = counter[0] * 7 + counter[1] + observations[0][:, 0].astype(int)
    return [mixed % 3], np.ones(counter.shape[1], bool)


def collect(env, policy=act, seeds=SEEDS, **options):
    source = sources.open_source(
        env, Options(len(seeds), max_episode_steps=10, **options)
    )
    try:
        return source.collect(policy, seeds, skip_nonfinite=True)
    finally:
        source.close()


def sound_for(where, expected):
    """Which trajectories get to their end, given how long they would be."""
    seeds = np.array(SEEDS)
    at = 0 if where == "reset" else seeds // 4 % 3
    return ~((seeds % 4 == 0) & (expected.lengths > at))


def check(played, expected, sound):
    assert 18 <= sum(sound) < 24
    np.testing.assert_array_equal(np.isfinite(played.returns), sound)
    for name in ("mask", "terminated", "lengths", "returns"):
        np.testing.assert_array_equal(
            getattr(played, name)[sound], getattr(expected, name)[sound]
        )
    for name in ("observations", "actions", "rewards"):
        for k in np.flatnonzero(sound):
            length = expected.lengths[k]
            np.testing.assert_array_equal(
                getattr(played, name)[k, :length],
                getattr(expected, name)[k, :length],
            )
    # What is kept of the others could not harm: it is never looked at, but
    # statistics of all observations may be taken.
    assert np.isfinite(played.observations[played.mask]).all()
    assert (played.lengths >= 1).all()


@pytest.fixture(scope="module")
def expected():
    return collect(toy_envs.Seeded)


@pytest.mark.parametrize("where", ["observation", "reward", "reset"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_sub_environments(expected, where, value):
    make = functools.partial(toy_envs.Spoilt, where, value)
    for num_envs in (1, 5):
        played = collect(make, num_envs=num_envs)
        check(played, expected, sound_for(where, expected))


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("where", ["observation", "reward", "reset"])
def test_vector_environments(expected, where, mode):
    make = functools.partial(toy_envs.Spoilt, where, np.nan)
    vector = toy_envs.vectorized(make, 5, VectorWrapper)
    played = collect(lambda: vector(mode))
    check(played, expected, sound_for(where, expected))


@pytest.mark.parametrize("num_envs", [1, 5])
@pytest.mark.parametrize("wrapper", [None, VectorWrapper])
def test_outputs_of_the_policy(expected, wrapper, num_envs):
    def policy(observations, counter):
        actions, _ = act(observations, counter)
        spoilt = (counter[0] % 4 == 0) & (counter[1] == counter[0] // 4 % 3)
        return actions, ~spoilt

    make = toy_envs.vectorized(toy_envs.Seeded, num_envs, wrapper)
    played = collect(lambda: make(AutoresetMode.NEXT_STEP), policy)
    reached = expected.lengths > np.arange(24) // 4 % 3
    sound = ~(reached & (np.arange(24) % 4 == 0))
    check(played, expected, sound)


@pytest.mark.parametrize("where", ["observation", "reward", "reset"])
def test_episode_ends_where_it_is_spoilt(where):
    make = functools.partial(toy_envs.Spoilt, where, np.nan)
    # Before the steps 0, 1 and 2; before them one is played at least.
    played = collect(make, seeds=[48, 52, 56, 1])
    steps = {"observation": [1, 2, 3], "reward": [1, 2, 3], "reset": [1, 1, 1]}
    assert played.lengths[:3].tolist() == steps[where]
    assert np.isnan(played.returns[:3]).all()
    assert not played.terminated[:3].any()


def test_none_is_left():
    make = functools.partial(toy_envs.Spoilt, "reward", np.nan)
    with pytest.raises(
        RuntimeError, match=r"the reward is nan, not finite.*trajectory 0, step"
    ):
        collect(make, seeds=[48, 52])
