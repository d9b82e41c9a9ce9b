"""Which `fit` or `evaluate` on an environment an agent runs."""

import contextlib
from collections.abc import Iterator

from keras_cem.agent import fit_checks
from keras_cem.agent.graph_execution import Schedule
from keras_cem.agent.run import Run, RunningAgent
from keras_cem.utils.keras_internals import set_untracked


def running(agent: RunningAgent) -> "Run":
    """Returns the running `fit` or `evaluate` of an agent.

    Raises:
        RuntimeError: If there is none.
    """
    if agent.run is None:
        raise RuntimeError("No `fit` on an environment is running.")
    return agent.run


@contextlib.contextmanager
def playing_on(agent: RunningAgent, run: Run) -> Iterator[None]:
    """Makes `run` that of an agent, and closes its environments at the end.

    Args:
        agent: The agent.
        run: The run, before it opens environments.

    Raises:
        ValueError: If there is a `tf.distribute` strategy.
    """
    fit_checks.check_no_strategy(agent.made_under)
    with entered(agent, run), run.closing():
        yield


@contextlib.contextmanager
def entered(agent: RunningAgent, run: Run | None) -> Iterator[None]:
    """Makes `run` the running `fit` or `evaluate` of an agent, for a while.

    Args:
        agent: The agent.
        run: None on arrays: a callback of a `fit` on an environment may call
            `fit` or `evaluate` on arrays.
    """
    outer = agent.run
    set_untracked(agent, run=run)
    try:
        yield
    finally:
        set_untracked(agent, run=outer)


def follow_epsilon(run: Run | None, schedule: Schedule) -> None:
    """Sets epsilon from a schedule before each iteration of a `fit`.

    Args:
        run: The running `fit`.
        schedule: Function of the number of iterations done so far.

    Raises:
        RuntimeError: If no `fit` on an environment is running.
        ValueError: If this `fit` already has a schedule.
    """
    if run is None:
        raise RuntimeError(
            "Epsilon can follow a schedule only during `fit` on an "
            "environment, because arrays are not explored. Remove "
            "`EpsilonDecay`."
        )
    if run.schedule is not None:
        raise ValueError(
            "`callbacks` must hold at most one `EpsilonDecay`. Received: "
            "several."
        )
    run.schedule = schedule
