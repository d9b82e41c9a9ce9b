"""Environments that training sees otherwise than greedy episodes do."""

import dataclasses
from typing import Any

import gymnasium
from absl import flags
from gymnasium.wrappers import ClipReward

from keras_cem.adapters.gymnasium import make_env
from keras_cem.cli.segment_steps import SegmentSteps
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
    min_reward: float | None = None
    max_reward: float | None = None
    segment_steps: SegmentSteps | None = None

    def __call__(self) -> gymnasium.Env:
        """Makes a new one."""
        made = make_env(self.env)
        if self.min_reward is not None or self.max_reward is not None:
            made = ClipReward(made, self.min_reward, self.max_reward)
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
    segments = (
        None
        if steps is None
        else SegmentSteps(steps, values.segment_doubling_steps)
    )
    return TrainingEnv(values.env, least, most, segments)


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
    if doubling is not None and values.vectorization_mode == "async":
        raise ValueError(
            "--vectorization_mode must be sync with --segment_doubling_steps, "
            "as other processes do not know how many iterations were done. "
            "Received: --vectorization_mode=async, "
            f"--segment_doubling_steps={doubling}"
        )
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
