"""`compile` of an agent, and the methods of Keras that take only arrays."""

from typing import Any

import keras

from keras_cem.agent.environment_play import EnvironmentPlay
from keras_cem.engines import sources
from keras_cem.heads import compiled_loss
from keras_cem.utils import checks
from keras_cem.utils.keras_internals import forget_loss, set_untracked


class EnvironmentCompile(EnvironmentPlay):
    """Compiles a `keras.Model` that plays environments.

    Attributes:
        loss_weight: Factor of the loss.
    """

    loss_weight: float

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Compiles the agent as `keras.Model.compile` does.

        All functions compiled before are dropped.

        Args:
            optimizer: As in Keras.
            loss: For a Box of actions, a Keras loss that replaces the squared
                error, or a list of one. Defaults to `None`.
            loss_weights: A factor of the loss, or a list of one. It does not
                apply to regularization. Defaults to `None`: 1.
            metrics: As in Keras, for training on arrays. On environments
                History has the metrics that `fit` lists. Defaults to `None`.
            weighted_metrics: As `metrics`. Defaults to `None`.
            run_eagerly: As in Keras. Defaults to `False`.
            steps_per_execution: As in Keras. Defaults to `1`.
            jit_compile: As in Keras. `"auto"` compiles steps on in-graph
                environments with XLA if XLA can compile the policy. Defaults to
                `"auto"`.
            auto_scale_loss: As in Keras. Defaults to `True`.

        Raises:
            ValueError: If an argument is out of range, or there are several
                losses or weights.
            TypeError: If a weight is not a number.
        """
        checks.one_of(("auto", True, False, None), jit_compile=jit_compile)
        if steps_per_execution is None:
            checks.number(steps_per_execution=steps_per_execution)
        checks.at_least(1, steps_per_execution=steps_per_execution)
        loss = compiled_loss.only(loss=loss)
        weight = compiled_loss.only(loss_weights=loss_weights)
        if weight is not None:
            checks.number(loss_weights=weight)
            weight = float(weight)
        set_untracked(self, jit_is_auto=jit_compile == "auto")
        forget_loss(self)
        super().compile(
            optimizer,
            loss,
            weight,
            metrics,
            weighted_metrics,
            run_eagerly,
            steps_per_execution,
            jit_compile,
            auto_scale_loss,
        )
        set_untracked(self, loss_weight=1.0 if weight is None else weight)
        self._player.forget()

    def quantize(self, *args: Any, **kwargs: Any) -> None:
        """As `keras.Model.quantize`; all compiled functions are dropped."""
        super().quantize(*args, **kwargs)
        self._player.forget()

    def get_compile_config(self) -> dict[str, Any]:
        """As in Keras, but keeps `jit_compile="auto"`.

        Keras would save the choice made on this machine.
        """
        if self.compiled and self.built:
            # `compile_from_config` builds the optimizer too. It expects saved
            # variables even if the optimizer has taken no step.
            self.optimizer.build(self.trainable_variables)
        config = super().get_compile_config()
        if config and self.jit_is_auto:
            config["jit_compile"] = "auto"
        return config

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles with the arguments that `get_compile_config` returned."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built:
            self.optimizer.build(self.trainable_variables)

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """As in Keras: the outputs for a batch of observations."""
        _refuse_env("predict", x)
        return super().predict(x, *args, **kwargs)

    def predict_on_batch(self, x: Any) -> Any:
        """As in Keras: the outputs for a batch of observations."""
        _refuse_env("predict_on_batch", x)
        return super().predict_on_batch(x)

    def train_on_batch(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """As in Keras, on observations and actions."""
        _refuse_env("train_on_batch", x)
        return super().train_on_batch(x, *args, **kwargs)

    def test_on_batch(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """As in Keras, on observations and actions."""
        _refuse_env("test_on_batch", x)
        return super().test_on_batch(x, *args, **kwargs)


def _refuse_env(verb: str, x: Any) -> None:
    if sources.is_playable(x):
        raise TypeError(
            f"`{verb}` takes a batch of observations, not an environment. "
            f"Received: x={x!r}. Play it with `fit`, `evaluate` or `collect`."
        )
