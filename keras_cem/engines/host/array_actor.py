"""The policy and its head on NumPy arrays, for small policies."""

from collections.abc import Callable

import numpy as np

from keras_cem import heads, spaces
from keras_cem.engines.groups import Groups
from keras_cem.engines.host.actor import Actor
from keras_cem.engines.host.block_numbers import BlockNumbers
from keras_cem.engines.policies import Policy
from keras_cem.heads import array_numbers
from keras_cem.heads.array_heads import ArrayHead
from keras_cem.networks.array_network import ArrayNetwork, array_network


class ArrayActor:
    """A small policy and its head, for batches of one fixed size.

    It acts as `actor.Actor` does, except for rounding, at a twentieth of the
    cost of a call.

    Args:
        network: The policy.
        head: Head of the action space.
        num_envs: Batch size, the number of slots.
        explore: Whether to draw actions from the explored policy. If false,
            actions are greedy.
    """

    def __init__(
        self,
        network: ArrayNetwork,
        head: ArrayHead,
        *,
        num_envs: int,
        explore: bool,
    ):
        self._network = network
        self._head = head
        self._explore = explore
        self._all = np.ones(num_envs, bool)
        self._numbers = BlockNumbers(head.numbers, num_envs)
        self._bound: tuple[int, ...] = ()

    def bind(
        self, epsilon: float, seed: int, stream: int, iteration: int
    ) -> Callable[
        [list[np.ndarray], np.ndarray], tuple[list[np.ndarray], np.ndarray]
    ]:
        """Returns the policy of one iteration; see `Actor.bind`."""
        network, head = self._network, self._head
        network.read()
        amount = float(epsilon)
        bound = (seed, stream, iteration)
        if self._explore and bound != self._bound:
            self._numbers.restart(array_numbers.make_key(*bound))
            self._bound = bound

        def act(
            observations: list[np.ndarray], counter: np.ndarray
        ) -> tuple[list[np.ndarray], np.ndarray]:
            # Rows of slots that are not used may hold anything.
            with np.errstate(all="ignore"):
                outputs = network(observations)
                if self._explore:
                    actions = head.explore(
                        outputs,
                        amount,
                        self._numbers.at(*counter),
                        counter[1],
                    )
                else:
                    actions = head.greedy(outputs)
            return actions, self._finite(outputs)

        return act

    def _finite(self, outputs: list[np.ndarray]) -> np.ndarray:
        fine = self._all
        for leaf in outputs:
            finite = np.isfinite(leaf)
            if np.count_nonzero(finite) < finite.size:
                axes = tuple(range(1, leaf.ndim))
                fine = fine & finite.all(axis=axes)
        return fine


def new_actor(
    policy: Policy,
    head: heads.Head,
    observation_space: spaces.Space,
    *,
    num_envs: int,
    explore: bool,
    groups: Groups,
    compiled: bool,
) -> Actor | ArrayActor:
    """Returns what acts with a policy: NumPy where it is small, or TensorFlow.

    Which one follows from the layers and the size of the network, the head and
    the groups only. So a worker acts as its driver does, and a resumed run as
    it would have gone on.

    Args:
        policy: As in `Actor`, as all arguments.
        head: Head of the action space.
        observation_space: Space of one observation.
        num_envs: Batch size, the number of slots.
        explore: Whether to draw actions from the explored policy.
        groups: Groups of trajectories.
        compiled: Whether to compile. If false, TensorFlow runs eagerly.
    """
    on_arrays = head.on_arrays()
    if compiled and on_arrays is not None and groups.per_policy is None:
        network = array_network(policy, observation_space, head)
        if network is not None:
            return ArrayActor(
                network, on_arrays, num_envs=num_envs, explore=explore
            )
    return Actor(
        policy,
        head,
        observation_space,
        num_envs=num_envs,
        explore=explore,
        groups=groups,
        compiled=compiled,
    )
