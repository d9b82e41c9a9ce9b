"""Changed parameters change what they change in gymnasium."""

import numpy as np
import pytest

from keras_cem import envs
from tests.envs import reference

# Our names and values, and gymnasium's attributes where it has none of ours.
CHANGED = [
    ("CartPole-v1", {"kinematics_integrator": "semi-implicit euler"}, {}),
    ("CartPole-v1", {"sutton_barto_reward": True}, {"_sutton_barto_reward": 1}),
    (
        "CartPole-v1",
        {"length": 0.8, "masspole": 0.3, "tau": 0.05, "force_mag": 4.0},
        {"total_mass": 1.3, "polemass_length": 0.24},
    ),
    ("CartPole-v1", {"x_threshold": 1.0, "theta_threshold_radians": 0.1}, {}),
    ("MountainCar-v0", {"goal_velocity": 0.03, "goal_position": 0.2}, {}),
    ("MountainCar-v0", {"force": 0.01, "gravity": 0.01, "max_speed": 0.1}, {}),
    ("MountainCarContinuous-v0", {"power": 0.01, "goal_velocity": 0.03}, {}),
    (
        "Pendulum-v1",
        {"g": 1.6, "m": 0.5, "l": 2.0, "max_torque": 1.0, "max_speed": 4.0},
        {},
    ),
    ("Acrobot-v1", {"book_or_nips": "nips", "dt": 0.05}, {}),
    (
        "Acrobot-v1",
        {
            "link_length_1": 1.2,
            "link_mass_1": 0.8,
            "link_mass_2": 1.3,
            "link_com_pos_1": 0.4,
            "link_com_pos_2": 0.6,
            "link_moi": 1.5,
            "max_vel_1": 5.0,
            "max_vel_2": 6.0,
            "torque": 3.0,
        },
        {"AVAIL_TORQUE": [-3.0, 0.0, 3.0]},
    ),
]


@pytest.mark.parametrize(("name", "ours", "theirs"), CHANGED)
def test_step_follows_gymnasium_with(name, ours, theirs):
    env, ref = envs.make(name, **ours), reference.Reference(name)
    for key, value in {**ours, **theirs}.items():
        if name == "Acrobot-v1" and key.startswith(("link", "max")):
            key = key.upper()
        setattr(ref.env.unwrapped, key, value)
    states = reference.random_states(name, 500, seed=4)
    actions = reference.random_actions(env, 500, seed=5)
    _, observations, rewards, terminated = ref.step_rows(states, actions)
    _, *results = env.step(
        reference.make_state(env, states), actions, reference.seeds(500)
    )
    np.testing.assert_allclose(results[0], observations, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(results[1], rewards, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(results[2], terminated)


def test_reset_bounds_move_the_start():
    env = envs.make("CartPole-v1", reset_low=1.0, reset_high=1.1)
    state = reference.rows(env.initial(reference.seeds(100)))
    assert state.min() >= 1.0
    assert state.max() <= 1.1


def test_spaces_follow_the_parameters():
    env = envs.make("Pendulum-v1", max_torque=3.0, max_speed=5.0)
    assert env.action_space.high == 3.0
    np.testing.assert_array_equal(env.observation_space.high, [1.0, 1.0, 5.0])
