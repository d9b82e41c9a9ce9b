"""PPO of stable-baselines3 with the settings of the zoo."""

from collections.abc import Callable
from typing import Any

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from benchmarks import zoo

_LINEAR = "lin_"


def make(
    env: str, seed: int, left: Callable[[float], float] = lambda left: left
) -> PPO:
    """Returns what the zoo trains.

    Args:
        env: Id of an environment of `zoo.PPO_SETTINGS`.
        seed: Seed of everything.
        left: From the share of the steps that is left to the share of the
            training that is, which linear schedules fall with.
    """
    settings = dict(zoo.PPO_SETTINGS[env])
    vec_env = make_vec_env(env, n_envs=settings.pop("n_envs"), seed=seed)
    if settings.pop("normalize", False):
        vec_env = VecNormalize(vec_env, gamma=settings["gamma"])
    networks = dict(settings.pop("policy_kwargs", {}))
    if "activation_fn" in networks:
        networks["activation_fn"] = getattr(torch.nn, networks["activation_fn"])
    return PPO(
        "MlpPolicy",
        vec_env,
        seed=seed,
        device="cpu",
        policy_kwargs=networks,
        **{name: _value(each, left) for name, each in settings.items()},
    )


def evaluation_env(model: PPO, env: str, num_envs: int, seed: int) -> VecEnv:
    """Returns environments whose observations are as in the training.

    Args:
        model: Of `make`.
        env: Id of its environment.
        num_envs: Number of environments.
        seed: Seed of the first, the others' follow.
    """
    vec_env = make_vec_env(env, n_envs=num_envs, seed=seed)
    training = model.get_vec_normalize_env()
    if training is None:
        return vec_env
    normalized = VecNormalize(vec_env, training=False, norm_reward=False)
    normalized.obs_rms = training.obs_rms
    return normalized


def _value(value: Any, left: Callable[[float], float]) -> Any:
    if not isinstance(value, str):
        return value
    initial = float(value.removeprefix(_LINEAR))
    return lambda of_steps: initial * left(of_steps)
