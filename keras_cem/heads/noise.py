"""Exploration noise for continuous actions."""

import math

import tensorflow as tf

from keras_cem import prng
from keras_cem.heads.base import ExplorationState
from keras_cem.utils import checks
from keras_cem.utils.tensors import Integer

NOISES = ("gaussian", "uniform", "correlated", "state")
DEFAULT_CORRELATION = 0.9


class Noise:
    """Noise of one kind for each dimension of an action.

    `"gaussian"` noise is standard normal, `"uniform"` noise lies between -1
    and 1; both are independent in each step. `"correlated"` noise is standard
    normal in each step and correlated between steps:

        n_0 = z_0,  n_t = beta n_(t-1) + sqrt(1 - beta^2) z_t

    with z_t standard normal, so that n_t and n_(t+k) have correlation beta^k.
    This is a first-order autoregressive process, stationary from the first
    step on. `"state"` noise is a linear function of the D features of the
    observation,

        n_t = Theta phi(s_t) / sqrt(D)

    The entries of Theta are standard normal and drawn once per trajectory.
    Within a trajectory, similar observations get similar noise, as if the
    weights of a linear policy were perturbed. If the features have mean square
    1, the noise has variance 1 in each step.

    Args:
        kind: One of `NOISES`.
        correlation: beta in [0, 1). None means 0.9 for correlated noise; other
            noise allows only None.
        size: Number of dimensions.

    Attributes:
        kind: Kind of noise, as given.
        correlation: beta; None for noise that is not correlated.
        observes: Whether the noise depends on the observation.

    References:
        Rueckstiess et al. (2008), State-dependent exploration for policy
        gradient methods. https://doi.org/10.1007/978-3-540-87481-2_16
    """

    def __init__(self, kind: str, correlation: float | None, size: int):
        checks.one_of(NOISES, noise=kind)
        self.kind = kind
        self.observes = kind == "state"
        self.correlation = _correlation(kind, correlation)
        self._size = size

    def initial(self, size: Integer) -> ExplorationState:
        """Returns the initial state of `size` rows."""
        if self.correlation is None:
            return ()
        return tf.zeros((size, self._size))

    def draw(
        self,
        key: prng.Words,
        counter: prng.Words,
        state: tf.Tensor,
        features: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, ExplorationState]:
        """Draws the noise of one step.

        Args:
            key: Two uint32 scalars, see `prng.make_key`.
            counter: Two uint32 tensors `(N,)`: trajectory and step.
            state: State from `initial` or the previous step.
            features: float32 `(N, D)`; for `"state"` noise only.

        Returns:
            float32 `(N, size)`, and the state for the next step.

        Raises:
            ValueError: If `"state"` noise gets no features.
        """
        if self.kind == "state":
            return self._of_state(key, counter[0], features), state
        if self.kind == "uniform":
            return 2.0 * prng.uniform(key, counter, self._size) - 1.0, state
        normal = prng.normal(key, counter, self._size)
        if self.correlation is None:
            return normal, state
        beta = self.correlation
        following = beta * state + math.sqrt(1.0 - beta**2) * normal
        first = counter[1][:, None] == tf.constant(0, tf.uint32)
        numbers = tf.where(first, normal, following)
        return numbers, numbers

    def _of_state(
        self,
        key: prng.Words,
        trajectory: tf.Tensor,
        features: tf.Tensor | None,
    ) -> tf.Tensor:
        if features is None:
            raise ValueError(
                "`features` must be given for state-dependent noise. "
                "Received: features=None, noise='state'"
            )
        count = int(features.shape[1])
        # Drawing Theta again in each step costs less than storing it.
        theta = prng.normal(
            key, (trajectory, tf.zeros_like(trajectory)), self._size * count
        )
        theta = tf.reshape(theta, (-1, self._size, count))
        return tf.linalg.matvec(theta, features) / math.sqrt(count)


def _correlation(kind: str, correlation: float | None) -> float | None:
    if kind != "correlated":
        if correlation is not None:
            raise ValueError(
                "`correlation` must be None unless noise is 'correlated'. "
                f"Received: correlation={correlation!r}, noise={kind!r}"
            )
        return None
    if correlation is None:
        return DEFAULT_CORRELATION
    checks.number(correlation=correlation)
    if not 0 <= correlation < 1:
        raise ValueError(
            "`correlation` must be in [0, 1). "
            f"Received: correlation={correlation}"
        )
    return float(correlation)
