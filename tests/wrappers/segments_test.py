import gymnasium
import numpy as np
import pytest

from keras_cem import CEMAgent
from keras_cem.adapters.gymnasium import own_limit
from keras_cem.wrappers import Segments


class Clock(gymnasium.Env):
    """Counts: observes the steps of the episode, which is seeded by its seed.

    Attributes:
        starts: Seeds and options of all episodes.
    """

    observation_space = gymnasium.spaces.Box(0.0, np.inf, (1,))
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, terminated=np.inf, truncated=np.inf):
        self.terminated, self.truncated = terminated, truncated
        self.starts = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.starts.append((seed, options))
        self.time = 0
        return self._observation(), {"time": 0}

    def step(self, action):
        self.time += 1
        return (
            self._observation(),
            1.0,
            self.time >= self.terminated,
            self.time >= self.truncated,
            {"time": self.time},
        )

    def _observation(self):
        return np.array([self.time], np.float32)


def play(env, seed=None):
    """First and last observation, return, and how the segment ended."""
    first, _ = env.reset(seed=seed)
    total, ended = 0.0, (False, False)
    while not any(ended):
        last, reward, *ended, _ = env.step(0)
        total += reward
    return first.item(), last.item(), total, *ended


def test_a_segment_goes_on_where_the_last_ended():
    env = Segments(Clock(), num_steps=3)
    assert play(env, seed=7) == (0, 3, 3.0, False, True)
    assert play(env, seed=8) == (3, 6, 3.0, False, True)
    assert play(env) == (6, 9, 3.0, False, True)
    assert env.unwrapped.starts == [(7, None)]


def test_what_goes_on_begins_with_the_info_of_the_last_step():
    env = Segments(Clock(), num_steps=1)
    assert env.reset()[1] == {"time": 0}
    env.step(0)
    assert env.reset()[1] == {"time": 1}


@pytest.mark.parametrize("length", [4, 6])
@pytest.mark.parametrize("how", ["terminated", "truncated"])
def test_the_last_segment_ends_with_its_episode(how, length):
    env = Segments(Clock(**{how: length}), num_steps=3)
    assert play(env, seed=1) == (0, 3, 3.0, False, True)
    ended = (True, False) if how == "terminated" else (False, True)
    assert play(env, seed=2) == (3, length, length - 3, *ended)
    # Not at the end of an episode that ended with its segment either.
    assert play(env, seed=3) == (0, 3, 3.0, False, True)
    assert env.unwrapped.starts == [(1, None), (3, None)]


def test_a_reset_within_a_segment_begins_an_episode():
    env = Segments(Clock(), num_steps=3)
    play(env)
    env.reset()
    env.step(0)
    assert env.reset(seed=5, options={"a": 1})[0].item() == 0
    assert env.unwrapped.starts[1:] == [(5, {"a": 1})]


def test_a_function_says_how_long_the_next_segment_is():
    lengths = iter([1, 3, 2])
    env = Segments(Clock(), num_steps=lambda: next(lengths))
    assert play(env) == (0, 1, 1.0, False, True)
    assert play(env) == (1, 4, 3.0, False, True)
    assert play(env) == (4, 6, 2.0, False, True)


def test_a_function_leaves_the_limit_to_the_environment():
    limited = gymnasium.wrappers.TimeLimit(Clock(), 9)
    assert own_limit(Segments(limited, lambda: 5)) == 9
    assert own_limit(Segments(limited, 5)) == 5


def test_the_limit_is_that_of_a_segment_or_of_the_environment():
    limited = gymnasium.wrappers.TimeLimit(Clock(), 9)
    assert own_limit(Segments(limited, 20)) == 9
    assert own_limit(Segments(Clock(), 20)) == 20


def test_an_agent_learns_from_segments_of_whole_episodes():
    env = Segments(Clock(truncated=10), num_steps=4)
    agent = CEMAgent.from_env(env, hidden_units=(2,), seed=0)
    agent.compile("adam")
    history = agent.fit(env, batch_size=3, epochs=4, verbose=0)
    # 4, 4 and 2 steps an episode.
    assert history.history["episode_length"] == [pytest.approx(10 / 3)] * 4
    assert len(env.unwrapped.starts) == 4


def test_episodes_that_never_end_are_learned_from():
    env = Segments(Clock(), num_steps=4)
    agent = CEMAgent.from_env(env, hidden_units=(2,), seed=0)
    agent.compile("adam")
    agent.fit(env, batch_size=3, epochs=2, verbose=0)
    assert env.unwrapped.time == 3 * 2 * 4


def test_its_spec_makes_it_anew():
    spec = Segments(gymnasium.make("CartPole-v1"), 5).spec
    made = gymnasium.make(spec)
    assert isinstance(made, Segments)
    assert made.num_steps == 5


@pytest.mark.parametrize(
    ("given", "error"), [(0, ValueError), (1.5, TypeError)]
)
def test_bad_numbers_that_a_function_returns_are_refused(given, error):
    env = Segments(Clock(), lambda: given)
    with pytest.raises(error, match=rf"Received: num_steps\(\)={given}"):
        env.reset()


@pytest.mark.parametrize(
    ("num_steps", "error", "message"),
    [
        (0, ValueError, "at least 1. Received: num_steps=0"),
        (2.0, TypeError, r"Received: num_steps=2\.0 of type float"),
        (None, TypeError, "Received: num_steps=None of type NoneType"),
    ],
)
def test_bad_numbers_of_steps_are_refused(num_steps, error, message):
    with pytest.raises(error, match=message):
        Segments(Clock(), num_steps)
