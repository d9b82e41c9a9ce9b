"""Workers that have an agent and an environment, and what they played."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from keras_cem.engines.remote.chunks import Team
from keras_cem.engines.remote.messages import Call, Report
from keras_cem.networks import moments


class Session(Team[Any], Protocol):
    """Workers that have an agent and an environment."""

    @property
    def num_workers(self) -> int:
        """Number of workers that take calls."""

    def begin(self, weights: Sequence[np.ndarray], request: int) -> None:
        """Begins a request; later calls have these weights."""

    def close(self) -> None:
        """Drops the agent and the environment in all workers."""


@dataclasses.dataclass
class Outcome:
    """What is known of the K trajectories before any step is fetched.

    Attributes:
        returns: float32 `(K,)`, the episode returns.
        discounted: float32 `(K,)`, the sums of discount^t r_t.
        lengths: int32 `(K,)`, number of steps per trajectory.
        groups: For each float leaf of the observations, moments as
            `moments.merged` takes them; empty if not asked for.
        calls: The call of each chunk.
        holders: Number of the worker that holds each chunk.
        faults: int32 `(K,)`, codes of nonfinite values, if states are played.
    """

    returns: np.ndarray
    discounted: np.ndarray
    lengths: np.ndarray
    groups: list[tuple[np.ndarray, ...]]
    calls: list[Call]
    holders: list[int]
    faults: np.ndarray | None = None


def outcome_of(
    reports: Sequence[Report], calls: list[Call], holders: list[int]
) -> Outcome:
    """Returns what the chunks of an iteration have in common.

    Args:
        reports: What the workers returned, by chunk.
        calls: What they were asked for.
        holders: Number of the worker that holds each chunk.
    """
    returns = np.concatenate([each.returns for each in reports])
    size = sum(call.wanted.size for call in calls)
    return Outcome(
        returns,
        returns
        if calls[0].discount == 1.0
        else np.concatenate([each.discounted for each in reports]),
        np.concatenate([each.lengths for each in reports]),
        stacked([each.groups for each in reports], size),
        calls,
        holders,
        np.concatenate([each.faults for each in reports])
        if calls[0].states
        else None,
    )


@dataclasses.dataclass
class Traffic:
    """What workers have sent so far.

    Attributes:
        report_bytes: Bytes of returns, lengths and moments.
        step_bytes: Bytes of steps.
    """

    report_bytes: int = 0
    step_bytes: int = 0


def stacked(
    of_chunks: list[Sequence[tuple[np.ndarray, ...]]], size: int
) -> list[tuple[np.ndarray, ...]]:
    """Returns the moments of all groups, and of no more than full ones."""
    merged: list[tuple[np.ndarray, ...]] = []
    for chunks in zip(*of_chunks, strict=True):
        parts = [np.concatenate(part) for part in zip(*chunks, strict=True)]
        if size % moments.GROUP_SIZE == 0:
            parts = [
                np.concatenate([part, np.zeros_like(part[:1])])
                for part in parts
            ]
        merged.append(tuple(parts))
    return merged
