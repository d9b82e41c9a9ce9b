"""The critic of an agent with elite steps: its variables and its optimizer."""

import warnings
from typing import Any

import keras

from keras_cem.networks.normalization import RunningNormalization
from keras_cem.utils import checks
from keras_cem.utils.keras_internals import set_untracked


def return_statistics() -> RunningNormalization:
    """Returns the statistics of lambda-returns, of none at first."""
    statistics = RunningNormalization(name="return_statistics")
    statistics.build((None, 1))
    return statistics


class WarnIfEndless(keras.callbacks.Callback):
    """Warns once if all episodes of the first epoch had the maximum length.

    Without a discount, the values of an environment that never terminates have
    no limit.

    Args:
        max_episode_steps: Number of steps after which episodes are truncated.
    """

    def __init__(self, max_episode_steps: int):
        super().__init__()
        self._limit: int | None = max_episode_steps

    def on_epoch_end(
        self, epoch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Warns if the mean length is the limit."""
        limit, self._limit = self._limit, None
        if limit is None or (logs or {}).get("episode_length", 0) < limit:
            return
        warnings.warn(
            "`discount` should be below 1 with elite_unit='step' in an "
            "environment that does not terminate: the sum of all later rewards "
            "has no limit. Received: discount=1.0, and every episode of the "
            f"first epoch had the maximum of {limit} steps. Give, for example, "
            "discount=0.99, unless they terminate there.",
            UserWarning,
            stacklevel=2,
        )


def set_optimizer(agent: Any, given: Any) -> None:
    """Sets the optimizer of the critic; None without elite steps.

    Args:
        agent: A `CEMAgent` with the optimizer of its policy.
        given: The `critic_optimizer` of `compile`.

    Raises:
        ValueError: If one is given without a critic.
    """
    # Keras tracks no optimizer.
    set_untracked(agent, critic_optimizer=_optimizer(agent, given))


def _optimizer(agent: Any, given: Any) -> keras.optimizers.Optimizer | None:
    if agent.critic is None:
        checks.only_for("elite_unit='step'", critic_optimizer=given)
        return None
    if given is not None:
        return keras.optimizers.get(given)
    if agent.optimizer is None:
        return None
    config = keras.optimizers.serialize(agent.optimizer)
    copy = keras.optimizers.deserialize(config)
    # `SwapEMAWeights` knows the policy's averages only.
    copy.use_ema = False
    return copy


def with_optimizer(agent: Any, config: dict[str, Any]) -> dict[str, Any]:
    """Returns the arguments of `compile`, with that of the critic.

    Args:
        agent: A `CEMAgent`.
        config: The arguments, serialized.
    """
    if agent.critic_optimizer is None:
        return config
    serialized = keras.saving.serialize_keras_object(agent.critic_optimizer)
    return {**config, "critic_optimizer": serialized}


def build_optimizers(agent: Any) -> None:
    """Creates the variables of the optimizers of policy and critic."""
    agent.optimizer.build(agent.trainable_variables)
    if agent.critic is not None:
        agent.critic_optimizer.build(agent.critic.trainable_variables)


def optimizers(agent: Any) -> list[keras.optimizers.Optimizer]:
    """Returns the optimizers of the policy and of the critic, if any."""
    return [
        each
        for each in (agent.optimizer, agent.critic_optimizer)
        if each is not None
    ]


def optimizer_variables(agent: Any) -> list[keras.Variable]:
    """Returns the variables of all optimizers."""
    return [
        variable for each in optimizers(agent) for variable in each.variables
    ]


def variables(agent: Any) -> list[keras.Variable]:
    """Returns all variables of the critic; none without elite steps."""
    if agent.critic is None:
        return []
    return [*agent.critic.variables, *agent.return_statistics.variables]


def without(
    variables: list[keras.Variable], others: list[keras.Variable]
) -> list[keras.Variable]:
    """Returns the variables that are not among others."""
    left_out = {id(variable) for variable in others}
    return [each for each in variables if id(each) not in left_out]
