"""Environments that training sees otherwise than greedy episodes do."""

import dataclasses
from typing import Any

import gymnasium
from absl import flags
from gymnasium.wrappers import ClipReward, TransformReward

from keras_cem.adapters.gymnasium_ids import make_env
from keras_cem.cli.doubling import Doubling
from keras_cem.wrappers import Segments


@dataclasses.dataclass(frozen=True)
class TrainingEnv:
    """Makes an environment with rewards within bounds, played in segments.

    Attributes:
        env: Id of the environment.
        min_reward: The least reward; None if there is none.
        max_reward: The largest reward; None if there is none.
        segment_steps: Steps of a segment; None if episodes are whole.
    """

    env: str
    min_reward: Doubling | None = None
    max_reward: float | None = None
    segment_steps: Doubling | None = None

    @property
    def doublings(self) -> list[Doubling]:
        """What is to be told how many iterations were done."""
        found = (self.min_reward, self.segment_steps)
        return [each for each in found if each is not None]

    def __call__(self) -> gymnasium.Env:
        """Makes a new one."""
        made = make_env(self.env)
        least, most = self.min_reward, self.max_reward
        if most is not None:
            made = ClipReward(made, max_reward=most)
        if least is not None:
            # Not ClipReward, whose bounds never change.
            made = TransformReward(made, lambda reward: max(reward, least()))
        if self.segment_steps is not None:
            made = Segments(made, self.segment_steps)
        return made


def training_env(values: flags.FlagValues) -> Any:
    """What training plays, as `fit` takes it; greedy episodes play --env.

    Args:
        values: The flags.

    Raises:
        ValueError: If no reward is within the bounds, segments contradict
            another flag, or any of it is asked of the environment's in-graph
            version.
    """
    least, most = values.min_reward, values.max_reward
    steps = values.segment_steps
    _check_segments(values)
    _check_doubling(values)
    if steps is None and least is None and most is None:
        return values.env
    bounds = f"--min_reward={least}, --max_reward={most}"
    if least is not None and most is not None and least > most:
        raise ValueError(
            f"--min_reward must be at most --max_reward. Received: {bounds}"
        )
    if values.engine == "graph":
        raise ValueError(
            "--engine must be auto or host with clipped rewards and with "
            "segments, which are gymnasium wrappers. Received: "
            f"--engine=graph, {bounds}, --segment_steps={steps}"
        )
    return TrainingEnv(
        values.env,
        None
        if least is None
        else Doubling(
            least,
            values.min_reward_doubling_steps,
            last=values.last_min_reward,
        ),
        most,
        None
        if steps is None
        else Doubling(steps, values.segment_doubling_steps),
    )


def _check_segments(values: flags.FlagValues) -> None:
    steps, limit = values.segment_steps, values.max_episode_steps
    doubling = values.segment_doubling_steps
    if steps is None:
        if doubling is not None:
            raise ValueError(
                "--segment_doubling_steps needs --segment_steps, which are "
                f"doubled. Received: --segment_doubling_steps={doubling}"
            )
        return
    if limit is not None and limit <= steps:
        raise ValueError(
            "--segment_steps must be less than --max_episode_steps. Received: "
            f"--segment_steps={steps}, --max_episode_steps={limit}"
        )
    if (values.episodes_per_start or 1) != 1:
        raise ValueError(
            "--episodes_per_start must be 1 with --segment_steps, as segments "
            "begin where others ended. Received: "
            f"--episodes_per_start={values.episodes_per_start}, "
            f"--segment_steps={steps}"
        )


def _check_doubling(values: flags.FlagValues) -> None:
    least, steps = values.min_reward, values.min_reward_doubling_steps
    if steps is not None and (least is None or least >= 0):
        raise ValueError(
            "--min_reward_doubling_steps needs a --min_reward below 0, which "
            f"is doubled. Received: --min_reward_doubling_steps={steps}, "
            f"--min_reward={least}"
        )
    last = values.last_min_reward
    if last is not None and (steps is None or last > least):
        raise ValueError(
            "--last_min_reward needs --min_reward_doubling_steps, and must be "
            f"at most --min_reward. Received: --last_min_reward={last}, "
            f"--min_reward={least}, --min_reward_doubling_steps={steps}"
        )
    if values.vectorization_mode != "async":
        return
    for name in ("segment_doubling_steps", "min_reward_doubling_steps"):
        if values[name].value is not None:
            raise ValueError(
                f"--vectorization_mode must be sync with --{name}, as other "
                "processes do not know how many iterations were done. "
                "Received: --vectorization_mode=async, "
                f"--{name}={values[name].value}"
            )
