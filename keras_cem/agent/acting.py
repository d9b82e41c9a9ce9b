"""Acts with an agent on one observation, and plays without learning."""

import contextlib
import threading
from typing import Any, Protocol, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from keras_cem import heads, prng, spaces
from keras_cem.agent.opening import PlayingAgent, open_playable, with_workers
from keras_cem.engines.host.observation_buffer import ObservationBuffer
from keras_cem.engines.player import Player
from keras_cem.engines.playing import Playing
from keras_cem.engines.trajectories import Trajectories
from keras_cem.utils import checks
from keras_cem.utils.tensors import Nest

# A number, such as `agent.epsilon` or `agent.epsilon * 0.5`.
Scalar: TypeAlias = float | keras.Variable | tf.Tensor | np.ndarray

_ROW = np.arange(1)
_buffers = threading.local()


class ActingAgent(PlayingAgent, Protocol):
    """What acting needs of an agent."""

    head: heads.Head


def collect(
    agent: ActingAgent,
    player: Player,
    env: object,
    batch_size: int,
    epsilon: Scalar | None,
    seed: int | None,
    playing: Playing,
) -> Trajectories:
    """Plays whole episodes, as `CEMAgent.collect` documents.

    Raises:
        ValueError: If an argument is out of range, or `env` does not fit the
            agent.
    """
    checks.not_none(batch_size=batch_size)
    checks.at_least(1, batch_size=batch_size)
    checks.at_least(0, seed=seed)
    if seed is not None:
        checks.number(0, prng.MAX_SEED, seed=seed)
    amount: float | None = plain_number(epsilon)
    if amount is not None:
        agent.head.check_epsilon(amount)
    with contextlib.ExitStack() as stack:
        playing = with_workers(playing, stack)
        source = open_playable(agent, env, batch_size, playing)
        stack.callback(source.close)
        return player.play(
            source,
            batch_size,
            prng.COLLECT_RESETS,
            epsilon=amount,
            seed=seed,
        )


def act(
    agent: ActingAgent, player: Player, observation: Nest, epsilon: Scalar
) -> Any:
    """Returns the action for one observation, as `CEMAgent.act` documents.

    Raises:
        ValueError: If the agent has no observation space, or the observation
            does not fit it.
    """
    space = agent.observation_space
    if space is None:
        raise ValueError(
            "`act` needs the agent's observation space. Received: "
            "observation_space=None. Pass `observation_space` to `CEMAgent`, "
            "or call `fit` on an environment first."
        )
    buffer = _buffer(space)
    epsilon = plain_number(epsilon)
    buffer.write(0, observation)
    fault = buffer.outside(_ROW)
    if fault is not None:
        raise ValueError(f"{fault[1]}.")
    if buffer.not_finite(_ROW).size:
        raise ValueError(
            f"`observation` must be finite. Received: observation={observation}"
        )
    actions = player.act(buffer, epsilon or None)
    return agent.action_space.pack([leaf[0] for leaf in actions])


def _buffer(space: spaces.Space) -> ObservationBuffer:
    """Returns the buffer of this thread for one observation of a space.

    Making one takes as long as acting does.
    """
    if getattr(_buffers, "space", None) is not space:
        _buffers.space, _buffers.latest = space, ObservationBuffer(space, 1)
    buffer: ObservationBuffer = _buffers.latest
    return buffer


def plain_number(value: object) -> Any:
    """Converts a scalar variable, tensor or array to a float.

    Args:
        value: For example `agent.epsilon` or `agent.epsilon * 0.5`. Anything
            else is returned unchanged.
    """
    if type(value) is float:
        return value
    kinds = (keras.Variable, tf.Tensor, tf.Variable, np.ndarray)
    if isinstance(value, kinds) and value.shape == ():
        return float(value)
    return value
