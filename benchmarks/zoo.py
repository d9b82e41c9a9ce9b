"""What RL Baselines3 Zoo has: its results, and its settings of PPO.

Of https://github.com/DLR-RM/rl-baselines3-zoo, commit 22e3ff2: `benchmark.md`,
where one trained agent each was evaluated greedily over 150,000 steps, and
`hyperparams/ppo.yml`. The zoo's agents are of older versions of some
environments, LunarLander-v2 and MuJoCo's v3. The settings for Reacher are of
commit 00128b5.
"""

from typing import Any, NamedTuple


class Published(NamedTuple):
    """A line of `benchmark.md`.

    Attributes:
        mean: Return, mean over the episodes.
        deviation: Standard deviation of their returns.
        env_steps: Steps that training played.
    """

    mean: float
    deviation: float
    env_steps: int


PPO = {
    "Acrobot-v1": Published(-73.5, 18.2, 1_000_000),
    "BipedalWalker-v3": Published(287.9, 2.4, 5_000_000),
    "CartPole-v1": Published(500.0, 0.0, 100_000),
    "HalfCheetah-v5": Published(5819.1, 663.5, 1_000_000),
    "LunarLander-v3": Published(242.1, 31.8, 1_000_000),
    "LunarLanderContinuous-v3": Published(270.9, 32.1, 1_000_000),
    "MountainCar-v0": Published(-110.4, 19.5, 1_000_000),
    "MountainCarContinuous-v0": Published(88.3, 2.6, 20_000),
    "Pendulum-v1": Published(-172.2, 104.2, 100_000),
    "Swimmer-v5": Published(282.0, 10.0, 1_000_000),
    "Walker2d-v5": Published(3478.8, 821.7, 1_000_000),
}
ARS = {
    "Acrobot-v1": Published(-82.9, 23.8, 500_000),
    "CartPole-v1": Published(500.0, 0.0, 50_000),
    "HalfCheetah-v5": Published(4815.2, 1340.8, 12_000_000),
    "LunarLanderContinuous-v3": Published(168.0, 147.1, 2_000_000),
    "MountainCar-v0": Published(-122.0, 33.5, 500_000),
    "MountainCarContinuous-v0": Published(96.7, 0.8, 500_000),
    "Pendulum-v1": Published(-212.5, 160.4, 2_000_000),
    "Swimmer-v5": Published(355.0, 13.0, 2_000_000),
    "Walker2d-v5": Published(2993.6, 166.3, 75_000_000),
}

_LANDER = {
    "n_envs": 16,
    "n_steps": 1024,
    "batch_size": 64,
    "gae_lambda": 0.98,
    "gamma": 0.999,
    "n_epochs": 4,
    "ent_coef": 0.01,
}
# Arguments of `stable_baselines3.PPO`, and the zoo's own: `n_envs`
# environments; `normalize`, by VecNormalize, observations and rewards; "lin_x",
# which falls from x to 0 over the training; and names of activations of torch.
PPO_SETTINGS: dict[str, dict[str, Any]] = {
    "CartPole-v1": {
        "n_envs": 8,
        "n_steps": 32,
        "batch_size": 256,
        "gae_lambda": 0.8,
        "gamma": 0.98,
        "n_epochs": 20,
        "ent_coef": 0.0,
        "learning_rate": "lin_0.001",
        "clip_range": "lin_0.2",
    },
    "Acrobot-v1": {
        "normalize": True,
        "n_envs": 16,
        "n_steps": 256,
        "gae_lambda": 0.94,
        "gamma": 0.99,
        "n_epochs": 4,
        "ent_coef": 0.0,
    },
    "MountainCar-v0": {
        "normalize": True,
        "n_envs": 16,
        "n_steps": 16,
        "gae_lambda": 0.98,
        "gamma": 0.99,
        "n_epochs": 4,
        "ent_coef": 0.0,
    },
    "MountainCarContinuous-v0": {
        "normalize": True,
        "n_envs": 1,
        "batch_size": 256,
        "n_steps": 8,
        "gamma": 0.9999,
        "learning_rate": 7.77e-05,
        "ent_coef": 0.00429,
        "clip_range": 0.1,
        "n_epochs": 10,
        "gae_lambda": 0.9,
        "max_grad_norm": 5,
        "vf_coef": 0.19,
        "use_sde": True,
        "policy_kwargs": {"log_std_init": -3.29, "ortho_init": False},
    },
    "Pendulum-v1": {
        "n_envs": 4,
        "n_steps": 1024,
        "gae_lambda": 0.95,
        "gamma": 0.9,
        "n_epochs": 10,
        "ent_coef": 0.0,
        "learning_rate": 1e-3,
        "clip_range": 0.2,
        "use_sde": True,
        "sde_sample_freq": 4,
    },
    "LunarLander-v3": _LANDER,
    "LunarLanderContinuous-v3": _LANDER,
    "BipedalWalker-v3": {
        "normalize": True,
        "n_envs": 32,
        "n_steps": 2048,
        "batch_size": 64,
        "gae_lambda": 0.95,
        "gamma": 0.999,
        "n_epochs": 10,
        "ent_coef": 0.0,
        "learning_rate": 3e-4,
        "clip_range": 0.18,
    },
    "HalfCheetah-v5": {
        "normalize": True,
        "n_envs": 1,
        "batch_size": 64,
        "n_steps": 512,
        "gamma": 0.98,
        "learning_rate": 2.0633e-05,
        "ent_coef": 0.000401762,
        "clip_range": 0.1,
        "n_epochs": 20,
        "gae_lambda": 0.92,
        "max_grad_norm": 0.8,
        "vf_coef": 0.58096,
        "policy_kwargs": {
            "log_std_init": -2,
            "ortho_init": False,
            "activation_fn": "ReLU",
            "net_arch": {"pi": [256, 256], "vf": [256, 256]},
        },
    },
    "InvertedDoublePendulum-v5": {
        "normalize": True,
        "n_envs": 1,
        "batch_size": 512,
        "n_steps": 128,
        "gamma": 0.98,
        "learning_rate": 0.000155454,
        "ent_coef": 1.05057e-06,
        "clip_range": 0.4,
        "n_epochs": 10,
        "gae_lambda": 0.8,
        "max_grad_norm": 0.5,
        "vf_coef": 0.695929,
    },
    "Reacher-v5": {
        "normalize": True,
        "n_envs": 1,
        "batch_size": 32,
        "n_steps": 512,
        "gamma": 0.9,
        "learning_rate": 0.000104019,
        "ent_coef": 7.52585e-08,
        "clip_range": 0.3,
        "n_epochs": 5,
        "gae_lambda": 1.0,
        "max_grad_norm": 0.9,
        "vf_coef": 0.950368,
    },
    "Walker2d-v5": {
        "normalize": True,
        "n_envs": 1,
        "batch_size": 32,
        "n_steps": 512,
        "gamma": 0.99,
        "learning_rate": 5.05041e-05,
        "ent_coef": 0.000585045,
        "clip_range": 0.1,
        "n_epochs": 20,
        "gae_lambda": 0.95,
        "max_grad_norm": 1,
        "vf_coef": 0.871923,
    },
}
