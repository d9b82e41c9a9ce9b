"""Bytes that are images, and bytes that are codes of categories."""

import gymnasium
import keras
import numpy as np
import pytest

import keras_cem as cem
from keras_cem import spaces
from keras_cem.networks import default_policy


class Grid(gymnasium.Env):
    """Bytes from 0 to `largest`; one step an episode.

    Args:
        shape: Of an observation.
        largest: Value that is observed.
    """

    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, shape, largest):
        self.observation_space = gymnasium.spaces.Box(0, 255, shape, np.uint8)
        self._largest = largest

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self._draw(), {}

    def step(self, action):
        return self._draw(), 1.0, True, False, {}

    def _draw(self):
        shape = self.observation_space.shape
        drawn = self.np_random.integers(0, self._largest + 1, shape, np.uint8)
        drawn.flat[0] = self._largest
        return drawn


CODES = "category codes, unchanged"
BYTES = "divided by 255"
IMAGE = "image, divided by 255, then convolutions"


@pytest.mark.parametrize(
    ("shape", "largest", "network", "expected"),
    [
        ((7, 7, 3), 10, None, CODES),
        ((8, 8), 10, None, CODES),
        ((19, 19), 0, None, CODES),
        ((42,), 2, None, CODES),
        ((128,), 255, None, BYTES),
        ((5, 5), 255, None, BYTES),
        ((8, 8), 255, None, IMAGE),
        ((36, 36, 3), 5, None, IMAGE),
        ((96, 96, 3), 255, None, IMAGE),
        ((4, 84, 84), 0, None, IMAGE),
        ((7, 7, 3), 10, {"image": True}, IMAGE),
        ((96, 96, 3), 255, {"image": False}, BYTES),
        ((96, 96, 3), 9, {"image": False}, CODES),
    ],
)
def test_bytes_are_told_by_shape_and_by_what_was_seen(
    shape, largest, network, expected
):
    agent = cem.CEMAgent.from_env(
        lambda: Grid(shape, largest),
        hidden_units=(),
        network=network,
        seed=0,
    )
    assert agent.describe_network() == {
        "observations": f"Box uint8 {shape}, {expected}"
    }


def test_codes_are_not_scaled():
    space = spaces.Box(0, 255, (7, 7, 3), "uint8")
    policy = default_policy(space, spaces.Discrete(2), hidden_units=(), seed=0)
    observation = np.full((1, 7, 7, 3), 10, np.uint8)
    kernel, bias = policy.get_weights()
    np.testing.assert_allclose(
        policy(observation)[0], 10 * kernel.sum(axis=0) + bias, rtol=1e-4
    )


def test_decision_is_saved_with_the_policy(tmp_path):
    agent = cem.CEMAgent.from_env(
        lambda: Grid((8, 8), 3), hidden_units=(4,), seed=0
    )
    agent.save(tmp_path / "agent.keras")
    loaded = keras.saving.load_model(tmp_path / "agent.keras")
    assert loaded.describe_network() == agent.describe_network()
    assert CODES in loaded.describe_network()["observations"]


@pytest.mark.parametrize("verbose", [0, 2])
def test_fit_says_first_which_network_was_built(verbose, capsys):
    def make():
        return Grid((8, 8), 3)

    agent = cem.CEMAgent.from_env(make, hidden_units=(4,), seed=0)
    agent.compile("adam", run_eagerly=True)
    agent.fit(make, batch_size=2, max_episode_steps=2, verbose=verbose)
    printed = capsys.readouterr().out
    said = f"Network: observations: Box uint8 (8, 8), {CODES}.\n"
    assert printed.startswith(said) == bool(verbose)
    assert bool(printed) == bool(verbose)


def test_networks_of_ones_own_are_not_described():
    policy = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    agent = cem.CEMAgent(
        policy,
        spaces.Discrete(2),
        observation_space=spaces.Box(-1, 1, (4,)),
    )
    assert agent.describe_network() == {}


@pytest.mark.parametrize(
    ("image", "error"), [(True, ValueError), (1, TypeError)]
)
def test_image_without_meaning_is_refused(image, error):
    space = spaces.Box(-1, 1, (4,))
    with pytest.raises(error, match=f"image={image}"):
        default_policy(space, spaces.Discrete(2), image=image)


def test_filters_contradict_what_is_no_image():
    space = spaces.Box(0, 255, (8, 8), "uint8")
    with pytest.raises(ValueError, match="image=False"):
        default_policy(space, spaces.Discrete(2), image=False, filters=(4,))
