"""Checks of `keras.Model` methods that a subclass overrides.

`docs/keras_hooks.md` lists what each method does on environments.
"""

from typing import Protocol

_OF_HEAD = (
    "On environments, the loss is that of `agent.head`, per step of an elite "
    "trajectory. Give `loss` or `loss_weights` to `compile`, add to the loss "
    "with `add_loss` or a regularizer, or override `train_step`."
)
# Methods that work on arrays only; environments never call them. Each name maps
# to the verbs that would ignore the method and to the cure.
_ARRAYS_ONLY = {
    "compute_loss": (("fit",), _OF_HEAD),
    "stateless_compute_loss": (("fit",), _OF_HEAD),
    "compute_metrics": (
        ("fit", "evaluate"),
        "On environments, there are no targets to compare with. Override "
        "`train_step` or `test_step`, and add to their results.",
    ),
}


class Overridable(Protocol):
    """An agent that knows which methods a subclass overrides."""

    def overrides(self, name: str) -> bool:
        """Whether a subclass, or this instance, overrides a method."""


def check(agent: Overridable, verb: str) -> None:
    """Refuses overridden methods that would not be called on an environment.

    Args:
        agent: A `CEMAgent`.
        verb: Name of the called method, such as `"fit"`.

    Raises:
        TypeError: If there is one. The message names the method and its class.
    """
    for name, (verbs, cure) in _ARRAYS_ONLY.items():
        if verb in verbs and agent.overrides(name):
            raise TypeError(
                f"`{name}` must not be overridden for `{verb}` on an "
                f"environment, which does not call it. Received: {name} of "
                f"{type(agent).__name__}. {cure}"
            )
