"""What training and testing get of episodes that workers play."""

import numpy as np
import tensorflow as tf

from keras_cem import prng
from keras_cem.agent.run import Run, RunningAgent
from keras_cem.algorithm import iteration
from keras_cem.engines.graph.source import GraphSource
from keras_cem.engines.graph.trajectories import GraphTrajectories
from keras_cem.engines.remote import states
from keras_cem.engines.remote.elite_trajectories import assembled
from keras_cem.engines.remote.session import Outcome
from keras_cem.engines.remote.source import RemoteSource
from keras_cem.engines.summed import summed
from keras_cem.engines.trajectories import Chosen, Played
from keras_cem.engines.wanted import Wanted


def for_training(agent: RunningAgent, run: Run, source: RemoteSource) -> Played:
    """Plays an iteration and fetches the steps that are learned from.

    Args:
        agent: The agent.
        run: Its running `fit`.
        source: The environment.
    """
    whole = _needs_all(agent, source)
    outcome = run.player.outcome(
        source,
        _wanted(agent, run),
        discount=agent.discount,
        with_moments=agent.normalize_observations and not whole,
    )
    agent.train_metrics.env_restarts.update_state(run.num_env_restarts)
    if agent.memory is not None:
        agent.memory.grow(source.padded(int(outcome.lengths.max())))
    if whole:
        return summed(source.fetch_all(outcome), agent.discount)
    chosen = _chosen(agent, run, outcome, _by_xla(agent))
    return _of_elites(agent, source, outcome, chosen)


def for_training_in_graph(
    agent: RunningAgent,
    run: Run,
    source: RemoteSource,
    graph: GraphSource,
    jit_compile: bool,
) -> GraphTrajectories:
    """Plays an iteration and fetches the states that are learned from.

    Args:
        agent: The agent.
        run: Its running `fit`.
        source: The environment.
        graph: The in-graph environment.
        jit_compile: Whether XLA compiles the step.
    """
    ranks_steps = agent.critic is not None
    outcome = run.player.outcome(
        source,
        _wanted(agent, run),
        discount=1.0 if ranks_steps else agent.discount,
        states=True,
        jit_compile=jit_compile,
        whole=ranks_steps,
    )
    # Moments in the graph are summed step by step, over all trajectories.
    whole = ranks_steps or agent.normalize_observations
    chosen = None if whole else _chosen(agent, run, outcome, jit_compile)
    size = len(outcome.returns)
    rows = np.arange(size)
    if chosen is not None:
        rows = np.flatnonzero(chosen.mask[:size])
    steps = source.fetch(outcome, rows)
    if not rows.size:
        steps = states.no_steps(graph)
    stored = (steps.observations, steps.actions, steps.rewards)
    played, actions, rewards = states.unpacked(
        graph, stored, outcome.lengths, rows
    )
    return GraphTrajectories(
        graph.env,
        played,
        actions,
        rewards,
        outcome.returns,
        outcome.discounted,
        outcome.lengths,
        steps.terminated if ranks_steps else np.zeros(size, bool),
        outcome.faults,
        steps.final_observations,
        chosen=chosen,
    )


def _wanted(agent: RunningAgent, run: Run) -> Wanted:
    return run.player.wanted(
        run.batch_size,
        prng.TRAINING_RESETS,
        epsilon=float(agent.epsilon),
        groups=agent.groups,
    )


def for_testing(agent: RunningAgent, run: Run, source: RemoteSource) -> Played:
    """Plays a batch of an evaluation, and fetches no steps.

    Args:
        agent: The agent.
        run: Its running `fit` or `evaluate`.
        source: The environment.
    """
    size, first = run.test_batch_size, run.tested
    run.tested += size
    wanted = run.player.wanted(size, run.stream, epsilon=None, first=first)
    outcome = run.player.outcome(source, wanted)
    nobody = Chosen(np.zeros((), np.float32), np.zeros(size, bool))
    return _of_elites(agent, source, outcome, nobody)


def _of_elites(
    agent: RunningAgent, source: RemoteSource, outcome: Outcome, chosen: Chosen
) -> Played:
    rows = np.flatnonzero(chosen.mask[: len(outcome.returns)])
    steps = source.fetch(outcome, rows)
    most = source.padded(int(outcome.lengths.max()))
    return assembled(
        (steps.observations, steps.actions),
        (outcome.returns, outcome.discounted),
        outcome.lengths,
        chosen,
        groups=outcome.groups,
        # XLA compiles a step for one number of rows.
        num_rows=len(outcome.returns) * most if _by_xla(agent) else None,
    )


def _by_xla(agent: RunningAgent) -> bool:
    return bool(agent.jit_compile) and not agent.run_eagerly


def _needs_all(agent: RunningAgent, source: RemoteSource) -> bool:
    """Whether all steps are fetched, not those of the elites alone.

    A critic learns from all. Moments that workers compute may differ in the
    last bit from those of a step that XLA compiles.
    """
    if agent.critic is not None:
        return True
    if agent.normalize_observations:
        return _by_xla(agent) or not source.sends_moments
    return agent.memory is not None and _by_xla(agent)


def _chosen(
    agent: RunningAgent, run: Run, outcome: Outcome, jit_compile: bool
) -> Chosen:
    def choose(returns: tf.Tensor) -> Chosen:
        if agent.memory is not None:
            returns = agent.memory.ranked(returns, agent.iteration.value)
        return iteration.select(agent, returns)

    if run.choose is None:
        # Compiled as the step, which would else choose them itself.
        run.choose = tf.function(choose, jit_compile=jit_compile)
    chosen: Chosen = tf.nest.map_structure(
        np.asarray, run.choose(tf.constant(outcome.discounted))
    )
    return chosen
