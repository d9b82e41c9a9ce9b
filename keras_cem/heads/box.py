"""Continuous actions in a box."""

import contextlib
import math
from types import NoneType
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_cem import prng, spaces
from keras_cem.heads import compiled_loss
from keras_cem.heads.array_heads import ArrayBox, ArrayHead
from keras_cem.heads.base import ExplorationState, Head, Loss
from keras_cem.heads.noise import Noise
from keras_cem.utils import checks
from keras_cem.utils.tensors import Integer

IMITATED = ("played", "drawn")


class BoxHead(Head):
    """Explores a box A of actions around the policy's outputs.

    The policy's outputs F(s) are actions. With h the scale of each dimension

        pi_n(s) = clip(F(s) + epsilon h Noise, A)
        loss(s, a) = sum of ((F(s) - a) / h)^2 over the dimensions

    On the box [-1, 1] this is exactly the lecture's policy and loss. On other
    boxes h gives dimensions of different width equal weight.

    If the noise is large, or the best actions lie at the bounds, many actions
    are clipped. A policy that imitates clipped actions shrinks towards the
    middle of the box. With `imitate="drawn"`, a in the loss is the action
    before clipping, clip(F(s), A) + epsilon h Noise; the environment still gets
    the clipped action. F is then the mean of the elites' distribution, and
    half of the noise at a bound points into the box. If it were added to
    outputs far outside, every action would be clipped to the bound, and the
    policy would explore no more. State noise changes the function itself, so
    it is added to F(s) as it is.

    Args:
        space: `Box` space of any shape and bounds.
        scale: Number or array of the space's shape, h. Defaults to half of the
            box's width, which must then be finite.
        noise: `"gaussian"`, standard normal; `"uniform"`, between -1 and 1;
            `"correlated"`, standard normal and correlated between steps;
            `"state"`, a linear function of the observation, drawn once per
            trajectory, see `heads.noise.Noise`. White noise cannot leave a
            valley; correlated noise can. If actions must be corrected at
            once, as on a pendulum, correlated noise does worse. If the task
            needs a rhythm that follows the state, such as swimming, use
            `"state"`. Defaults to `"gaussian"`.
        correlation: Correlation of `"correlated"` noise between consecutive
            steps, in [0, 1). Defaults to `None`: 0.9 for correlated noise.
            Other noise allows only `None`.
        imitate: `"played"`, actions after clipping; `"drawn"`, actions before
            clipping. Defaults to `"played"`.
        loss: Keras loss of two `(N, dimensions)` tensors that replaces the
            mean square, such as `"mae"` or `"huber"`. Its mean over the
            dimensions is multiplied by the number of dimensions.

    Raises:
        ValueError: If a bound is infinite and no `scale` is given, or
            `correlation` is out of range or given without correlated noise.
    """

    space: spaces.Box

    def __init__(
        self,
        space: object,
        scale: npt.ArrayLike | None = None,
        noise: str = "gaussian",
        loss: Loss | None = None,
        correlation: float | None = None,
        imitate: str = "played",
    ):
        checks.one_of(IMITATED, imitate=imitate)
        self.space = spaces.get_as(spaces.Box, space, "action_space")
        self.output_shape = self.space.shape
        self.scale = _scale(self.space, scale)
        self.noise = noise
        self._numbers = Noise(noise, correlation, math.prod(self.space.shape))
        self.correlation = self._numbers.correlation
        self.observes = self._numbers.observes
        self.imitate = imitate
        self.exceeds = imitate == "drawn"
        if not np.issubdtype(self.space.dtype, np.floating):
            raise ValueError(
                "`action_space` must be a Box of floats. "
                f"Received: action_space={self.space} of dtype "
                f"{self.space.dtype.name}"
            )
        self._loss = loss
        self._by_row = compiled_loss.by_row(loss)

    def initial_exploration(self, size: Integer) -> ExplorationState:
        return self._numbers.initial(size)

    def explore(
        self,
        outputs: tf.Tensor,
        epsilon: tf.Tensor,
        key: prng.Words,
        counter: prng.Words,
        state: ExplorationState,
        features: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, ExplorationState]:
        noise, state = self._numbers.draw(key, counter, state, features)
        noise = tf.reshape(noise, (-1, *self.space.shape))
        if self.exceeds and not self.observes:
            outputs = self._to_action(outputs)
        outputs = tf.cast(outputs, tf.float32)
        drawn = outputs + epsilon * self.scale * noise
        if self.exceeds:
            return tf.cast(drawn, self.space.dtype), state
        return self._to_action(drawn), state

    def playable(self, actions: tf.Tensor) -> tf.Tensor:
        return self._to_action(actions) if self.exceeds else actions

    def greedy(self, outputs: tf.Tensor) -> tf.Tensor:
        return self._to_action(outputs)

    def on_arrays(self) -> ArrayHead | None:
        if self.observes:
            return None
        return ArrayBox(
            self.space,
            self.scale,
            uniform=self.noise == "uniform",
            correlation=self.correlation,
            exceeds=self.exceeds,
        )

    def loss(self, outputs: tf.Tensor, actions: tf.Tensor) -> tf.Tensor:
        size = int(np.prod(self.space.shape))
        outputs = tf.cast(outputs, tf.float32) / self.scale
        actions = tf.cast(actions, tf.float32) / self.scale
        mean = self._by_row(
            tf.reshape(actions, (-1, size)), tf.reshape(outputs, (-1, size))
        )
        return mean * size

    def with_loss(self, loss: Loss | None) -> Head:
        if loss is None:
            return self
        return BoxHead(
            self.space,
            self.scale,
            self.noise,
            loss,
            self.correlation,
            self.imitate,
        )

    def check_loss(self) -> None:
        if self._loss is not None:
            compiled_loss.check(self._loss, self.space.low.size)

    def get_config(self) -> dict[str, Any]:
        loss = self._loss
        return {
            "space": spaces.serialize(self.space),
            "scale": self.scale.tolist(),
            "noise": self.noise,
            "correlation": self.correlation,
            "imitate": self.imitate,
            "loss": loss
            if isinstance(loss, (str, NoneType))
            else (keras.losses.serialize(loss)),
        }

    def _to_action(self, outputs: tf.Tensor) -> tf.Tensor:
        # Clip in the space's dtype: a bound such as 0.1 rounds up in float32
        # and would lie outside of a float64 box.
        actions = tf.cast(outputs, self.space.dtype)
        return tf.clip_by_value(actions, self.space.low, self.space.high)


def _scale(space: spaces.Box, scale: npt.ArrayLike | None) -> np.ndarray:
    if scale is None:
        with np.errstate(over="ignore", invalid="ignore"):
            half = space.high / 2 - space.low / 2
        cure = "Set `action_scale`, the size of a large action."
    else:
        half = _given_scale(space, scale)
        cure = "`action_scale` must be positive and finite."
    if not (np.all(np.isfinite(half)) and np.all(half > 0)):
        raise ValueError(
            "`action_space` must have a finite, positive scale in each "
            f"dimension. Received: action_space={space}, scale={half}. {cure}"
        )
    return np.broadcast_to(half, space.shape).astype(np.float32)


def _given_scale(space: spaces.Box, scale: npt.ArrayLike) -> np.ndarray:
    shape: object = "no array"
    with contextlib.suppress(TypeError, ValueError):
        given = np.asarray(scale, np.float32)
        shape = given.shape
    if shape not in ((), space.shape):
        raise ValueError(
            "`action_scale` must be a number or an array of the action "
            f"space's shape {space.shape}. Received: action_scale={scale!r} "
            f"of shape {shape}"
        )
    return given
