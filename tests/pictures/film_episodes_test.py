"""Greedy episodes on film, without a screen."""

import gymnasium
import imageio.v3
import keras
import numpy as np
import pytest

import keras_cem as cem
from keras_cem.callbacks import RecordVideo
from keras_cem.pictures import film_episodes
from tests.pictures.films_test import read_mp4


@pytest.fixture(scope="module")
def agent():
    agent = cem.CEMAgent.from_env("CartPole-v1", hidden_units=(), seed=0)
    agent.compile(optimizer=keras.optimizers.Adam(1e-2))
    return agent


def test_episodes_are_the_first_that_collect_plays(agent, tmp_path):
    path = tmp_path / "film.mp4"
    returns = film_episodes.record(agent, "CartPole-v1", 2, mp4=path)
    expected = agent.collect("CartPole-v1", 3, engine="host").returns
    assert returns == expected[:2].tolist()
    about, frames = read_mp4(path)
    assert (about["size"], about["fps"]) == ((600, 400), 50)
    # Of each episode the start too.
    assert len(frames) == sum(returns) + 2
    assert np.ptp(frames[0]) > 100


def test_film_and_episodes_are_cut_off(agent, tmp_path):
    path = tmp_path / "film.mp4"
    cut = {"mp4": path, "max_episode_steps": 4}
    returns = film_episodes.record(agent, "CartPole-v1", 3, **cut, max_frames=8)
    assert returns == [4]
    assert len(read_mp4(path)[1]) == 8


def test_seed_and_frame_rate_are_taken(agent, tmp_path):
    path = tmp_path / "film.mp4"
    returns = film_episodes.record(
        agent, "CartPole-v1", mp4=path, seed=7, fps=10
    )
    expected = agent.collect("CartPole-v1", 1, seed=7, engine="host").returns
    assert returns == expected.tolist()
    assert read_mp4(path)[0]["fps"] == 10


@pytest.mark.parametrize(
    "form",
    [
        lambda: cem.envs.make("CartPole-v1"),
        lambda: gymnasium.make_vec("CartPole-v1", num_envs=2),
        lambda: lambda: gymnasium.make("CartPole-v1", render_mode="rgb_array"),
    ],
    ids=["in-graph", "vector", "callable"],
)
def test_environments_are_taken_as_fit_takes_them(agent, tmp_path, form):
    given = {"mp4": tmp_path / "film.mp4", "max_episode_steps": 2}
    assert film_episodes.record(agent, form(), **given) == [2]


def test_an_environment_stays_open(agent, tmp_path):
    env = gymnasium.make("CartPole-v1", render_mode="rgb_array")
    given = {"mp4": tmp_path / "film.mp4", "max_episode_steps": 2}
    assert film_episodes.record(agent, env, **given) == [2]
    assert film_episodes.record(agent, env, **given) == [2]


@pytest.mark.parametrize(
    ("env", "error", "message"),
    [
        (3, TypeError, "Received: env=3"),
        (
            cem.envs.make("CartPole-v1", masspole=0.5),
            ValueError,
            "default parameters, because gymnasium draws it",
        ),
    ],
)
def test_environment_that_cannot_be_drawn_is_refused(
    agent, tmp_path, env, error, message
):
    with pytest.raises(error, match=message):
        film_episodes.record(agent, env, mp4=tmp_path / "film.mp4")


class Dark:
    """An environment of which nothing is to be seen."""

    def __init__(self):
        self.metadata = {}
        self.action_space = gymnasium.spaces.Discrete(2)

    def reset(self, seed):
        return np.zeros(4, np.float32), {}

    def render(self):
        return None

    def close(self):
        self.closed = True


def test_environment_that_draws_nothing_is_refused(agent, tmp_path):
    env = Dark()
    with pytest.raises(ValueError, match="NoneType from `render`"):
        film_episodes.record(agent, lambda: env, mp4=tmp_path / "film.mp4")
    assert env.closed
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"episodes": 0}, "episodes=0"),
        ({"max_frames": 0}, "max_frames=0"),
        ({"seed": -1}, "seed=-1"),
        ({"fps": 0}, "fps=0"),
        ({"env": "CartPole-v0.5"}, "CartPole-v0.5"),
    ],
)
def test_bad_arguments_are_named(agent, given, message):
    with pytest.raises(ValueError, match=message):
        film_episodes.record(agent, **{"env": "CartPole-v1", **given})


@pytest.mark.slow
def test_callback_films_every_so_often_and_the_last(agent, tmp_path):
    weights = []
    for callbacks in (
        [],
        [
            RecordVideo(
                tmp_path / "films",
                "CartPole-v1",
                every=2,
                formats=("gif",),
                max_episode_steps=3,
            )
        ],
    ):
        learner = cem.CEMAgent.from_env("CartPole-v1", hidden_units=(), seed=0)
        learner.compile(keras.optimizers.Adam(1e-2), run_eagerly=True)
        learner.fit(
            "CartPole-v1",
            engine="host",
            batch_size=4,
            epochs=3,
            max_episode_steps=5,
            callbacks=callbacks,
            verbose=0,
        )
        weights.append(learner.get_weights())
    films = sorted(path.name for path in (tmp_path / "films").iterdir())
    assert films == ["epoch-0002.gif", "epoch-0003.gif"]
    assert len(imageio.v3.imread(tmp_path / "films" / films[0])) == 2
    # Nothing of training depends on it.
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"every": 0}, "every=0"),
        ({"episodes": 0}, "episodes=0"),
        ({"formats": ()}, r"formats=\(\)"),
        ({"formats": ("avi",)}, "avi"),
    ],
)
def test_callback_names_bad_arguments(given, message):
    with pytest.raises(ValueError, match=message):
        RecordVideo("films", "CartPole-v1", **given)
