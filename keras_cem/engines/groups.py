"""Groups of trajectories within an iteration."""

from typing import Any, NamedTuple

import tensorflow as tf

from keras_cem import prng


def check_batch_size(
    batch_size: int,
    episodes_per_start: int | None,
    episodes_per_policy: int | None,
) -> None:
    """Refuses a batch size K that is not a multiple of the group size.

    Raises:
        ValueError: If so. The message names both values.
    """
    for name, size, least in (
        ("episodes_per_start", episodes_per_start, 1),
        ("episodes_per_policy", episodes_per_policy, 2),
    ):
        if size is None:
            continue
        if batch_size % size or batch_size < least * size:
            above = max(least, round(batch_size / size)) * size
            raise ValueError(
                "`batch_size` must be a multiple of "
                f"{name}{', with at least two groups' if least > 1 else ''}. "
                f"Received: batch_size={batch_size}, {name}={size}. Use "
                f"batch_size={above}, for example."
            )


def check_starts(
    episodes_per_start: int | None,
    name: str,
    *,
    seeded: bool,
    partial_reset: bool = True,
) -> None:
    """Refuses groups that share a start where starts cannot be shared.

    Args:
        episodes_per_start: As in `CEMAgent`.
        name: Name of the environment.
        seeded: Whether equal seeds give equal start states.
        partial_reset: Whether each sub-environment can be reset with a seed of
            its own. Defaults to `True`.

    Raises:
        ValueError: If so. The message names the option and the environment.
    """
    if episodes_per_start is None:
        return
    received = (
        f"Received: episodes_per_start={episodes_per_start}, environment "
        f"{name}."
    )
    if not partial_reset:
        raise ValueError(
            "`episodes_per_start` needs sub-environments that can each be "
            f"reset with its own seed. {received} Pass an id, or a callable "
            "that returns an environment, to `fit`."
        )
    if not seeded:
        raise ValueError(
            "`episodes_per_start` needs an environment whose start state "
            f"follows from a seed. {received} Add a method `seed`, or "
            "`seed_rows` for a `TFEnvironment`."
        )


class Groups(NamedTuple):
    """Groups of trajectories that share a start or an exploration sample.

    Trajectories 0, ..., m - 1 are the first group, and so on.

    Attributes:
        per_start: Number of trajectories that share a reset seed.
        per_policy: Number of trajectories that play the same sample of the
            explored policy. Their random numbers depend on the group and the
            observation, not on the trajectory and the step. None draws new
            numbers in each step.
    """

    per_start: int = 1
    per_policy: int | None = None

    def counter(
        self, trajectory: tf.Tensor, step: tf.Tensor, leaves: list[tf.Tensor]
    ) -> prng.Words:
        """Returns the counter of the random numbers for `Head.explore`.

        Args:
            trajectory: uint32 `(N,)`.
            step: uint32 `(N,)`.
            leaves: Leaves of the observations, each `(N, ...)`.
        """
        if self.per_policy is None:
            return trajectory, step
        return trajectory // self.per_policy, fingerprint(leaves)


NO_GROUPS = Groups()


def fingerprint(leaves: list[Any]) -> tf.Tensor:
    """Returns a hash of each observation.

    Equal observations have equal hashes; 0.0 and -0.0 are equal. Different
    observations have equal hashes with probability 2**-32. The hash uses 32
    bits of a 64-bit number: a float is cast to float32, and an integer keeps
    its low half.

    Args:
        leaves: Leaves of observations, each `(N, ...)`.

    Returns:
        uint32 tensor `(N,)`.
    """
    total = tf.zeros(tf.shape(leaves[0])[:1], tf.int32)
    for number, leaf in enumerate(leaves):
        words = tf.reshape(_words(leaf), (tf.shape(leaf)[0], -1))
        places = tf.cast(tf.range(tf.shape(words)[1]), tf.uint32)
        # Each word is hashed with its place. So the wrapping sum differs
        # between permutations.
        key = (tf.cast(number, tf.uint32), places)
        mixed, _ = prng.threefry2x32(key, (words, tf.zeros_like(words)))
        total += tf.reduce_sum(tf.bitcast(mixed, tf.int32), axis=1)
    return tf.bitcast(total, tf.uint32)


def _words(leaf: tf.Tensor) -> tf.Tensor:
    if leaf.dtype.is_floating:
        # Adding 0.0 turns -0.0 into 0.0.
        return tf.bitcast(tf.cast(leaf, tf.float32) + 0.0, tf.uint32)
    if leaf.dtype == tf.bool:
        return tf.cast(leaf, tf.uint32)
    return tf.bitcast(tf.cast(leaf, tf.int32), tf.uint32)
