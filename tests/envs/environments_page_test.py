"""The code of docs/environments.md runs and does what the page says."""

import pathlib
import re
import runpy

import gymnasium
import numpy as np
import pytest

from keras_cem import envs
from tests.envs import reference

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "environments.md"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """What the code blocks define, run as one program."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    program = tmp_path_factory.mktemp("page") / "page.py"
    program.write_text("\n".join(blocks))
    yield runpy.run_path(str(program))
    del envs.registry["Corridor-v0"]
    gymnasium.registry.pop("keras_cem/Corridor-v0", None)


@pytest.mark.slow
def test_its_code_runs(page):
    assert page["observations"].shape == (4096, 4)
    assert page["heavy"].parameters.total_mass == 1.5
    assert page["dry"].max_episode_steps == 100


def test_its_environment_walks_to_the_end(page):
    env = page["Corridor"](slip=0.0)
    state, observations = env.reset(reference.seeds(3))
    start = observations.numpy()[:, 0]
    for _ in range(5):
        state, observations, rewards, terminated = env.step(
            state, np.ones(3, np.int64), reference.seeds(3)
        )
    np.testing.assert_array_equal(start < 1.0, True)
    np.testing.assert_array_equal(observations[:, 0], 5.0)
    np.testing.assert_array_equal(rewards, -1.0)
    assert np.all(terminated)


def test_its_environment_slips_as_often_as_it_says(page):
    env = page["Corridor"](slip=0.25)
    size = 20_000
    state = page["CorridorState"](np.full(size, 2.0, np.float32))
    state, *_ = env.step(state, np.ones(size, np.int64), reference.seeds(size))
    np.testing.assert_allclose(np.mean(state.position == 1.0), 0.25, atol=0.01)


def test_its_table_is_complete():
    ids = set(
        re.findall(r"`(\w+-v\d)`", PAGE.read_text().split("They have")[0])
    )
    assert ids == set(envs.registry) - {"Corridor-v0"}
