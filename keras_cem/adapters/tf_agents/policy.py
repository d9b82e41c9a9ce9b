"""An agent's policy as a TF-Agents `TFPolicy`."""

from typing import Any

import keras
import tensorflow as tf
from tf_agents.policies import tf_policy
from tf_agents.trajectories import policy_step

from keras_cem import prng, spaces
from keras_cem.adapters.tf_agents.specs import Side
from keras_cem.networks import state_features


class CEMPolicy(tf_policy.TFPolicy):
    """The policy of a `CEMAgent`, for TF-Agents' drivers, metrics and saver.

    The policy shares the agent's variables, so it follows further training.

    A greedy policy has no state. The state of an exploring policy has three
    parts: a random number per episode, the step in the episode, and the
    exploration state of the agent's head. TensorFlow's generator draws the
    random number, as in TF-Agents' policies, so `tf.random.set_seed` makes it
    repeatable.

    Args:
        agent: A `CEMAgent` with a known observation space.
        time_step_spec: `TimeStep` of specs, as an environment's
            `time_step_spec()` returns it.
        action_spec: Nest of bounded specs.
        epsilon: Amount of exploration: a number, or `agent.epsilon` to follow
            the agent. Defaults to `None`: act greedily.
        name: Name of the module. Defaults to `None`.

    Raises:
        TypeError: If `agent` is not a `CEMAgent`.
        ValueError: If the agent's observation space is unknown, the specs do
            not match its spaces, or `epsilon` is out of range.

    Example:

    ```python
    policy = CEMPolicy(agent, env.time_step_spec(), env.action_spec())
    metric = tf_metrics.AverageReturnMetric()
    DynamicEpisodeDriver(env, policy, [metric], num_episodes=10).run()
    ```
    """

    def __init__(
        self,
        agent: Any,
        time_step_spec: Any,
        action_spec: Any,
        *,
        epsilon: Any = None,
        name: str | None = None,
    ):
        _check_agent(agent)
        observations = Side(
            time_step_spec.observation,
            "time_step_spec.observation",
            acts=False,
        )
        actions = Side(action_spec, "action_spec", acts=True)
        _check_space(
            "time_step_spec", observations.space, agent.observation_space
        )
        _check_space("action_spec", actions.space, agent.action_space)
        if epsilon is not None:
            agent.head.check_epsilon(float(epsilon))
        head = agent.head
        state: Any = ()
        if epsilon is not None:
            state = {
                "episode": tf.TensorSpec((), tf.int64, "episode"),
                "step": tf.TensorSpec((), tf.int32, "step"),
                "exploration": tf.nest.map_structure(
                    lambda leaf: tf.TensorSpec(leaf.shape[1:], leaf.dtype),
                    head.initial_exploration(1),
                ),
            }
        super().__init__(
            time_step_spec,
            action_spec,
            policy_state_spec=state,
            # TF-Agents 0.19 would retrace several functions per eager step.
            automatic_state_reset=False,
            name=name,
        )
        self._observations = observations
        self._actions = actions
        self._head = head
        self._seed = agent.seed
        # `tf.Module` finds variables only in other `tf.Module`s, so list them.
        self._weights = [
            variable.value for variable in agent.network_variables()
        ]
        self._epsilon = epsilon
        if isinstance(epsilon, keras.Variable):
            self._epsilon = epsilon.value
        # A function hides the layer from the tracking of `tf.Module`, which
        # copies containers and would save the layer as a part.
        self._network = lambda values: agent.acting_network()(
            values, training=False
        )
        self._features = lambda values: state_features.observed(
            head, agent.acting_network(), agent.observation_space, values
        )
        self._num_forgotten = lambda: agent.num_forgotten
        self._trace()

    def _trace(self) -> None:
        """Traces the acting functions, again after the agent's `compile`."""
        self._traced = self._num_forgotten()
        self._greedy = tf.function(self._act_greedily, reduce_retracing=True)
        self._explore = tf.function(self._act_exploring, reduce_retracing=True)

    def _action(
        self, time_step: Any, policy_state: Any = (), seed: Any = None
    ) -> policy_step.PolicyStep:
        if self._traced != self._num_forgotten():
            self._trace()
        observations = self._observations.to_space(time_step.observation)
        if self._epsilon is None:
            action = self._greedy(observations)
            return policy_step.PolicyStep(action, policy_state, ())
        words = tf.reshape(
            tf.cast(self._seed if seed is None else seed, tf.int64), (-1,)
        )
        action, state = self._explore(
            observations, time_step.is_first(), policy_state, words
        )
        return policy_step.PolicyStep(action, state, ())

    def _distribution(
        self, time_step: Any, policy_state: Any
    ) -> policy_step.PolicyStep:
        raise NotImplementedError(
            "`CEMPolicy` has no action distribution, because exploration may "
            "depend on earlier steps. Call `action` instead."
        )

    def _get_initial_state(self, batch_size: Any) -> Any:
        if self._epsilon is None:
            return ()
        shape = [] if batch_size is None else [batch_size]
        size = 1 if batch_size is None else batch_size
        return {
            "episode": _draw_episodes(shape),
            "step": tf.zeros(shape, tf.int32),
            "exploration": tf.nest.map_structure(
                lambda leaf: leaf[0] if batch_size is None else leaf,
                self._head.initial_exploration(size),
            ),
        }

    def _act_greedily(self, observations: Any) -> Any:
        outputs = self._network(observations)
        return self._actions.to_spec(self._head.greedy(outputs))

    def _act_exploring(
        self, observations: Any, first: tf.Tensor, state: Any, words: tf.Tensor
    ) -> tuple[Any, Any]:
        episode = tf.where(
            first, _draw_episodes(tf.shape(first)), state["episode"]
        )
        # In step 0, heads ignore the given state and start afresh.
        step = tf.where(first, 0, state["step"])
        key = prng.threefry2x32(
            prng.make_key(words[0], prng.ACT),
            prng.make_key(words[-1], prng.EXPLORATION),
        )
        counter = (tf.cast(episode, tf.uint32), tf.cast(step, tf.uint32))
        actions, exploration = self._head.explore(
            self._network(observations),
            tf.cast(self._epsilon, tf.float32),
            key,
            counter,
            state["exploration"],
            self._features(observations),
        )
        return self._actions.to_spec(self._head.playable(actions)), {
            "episode": episode,
            "step": step + 1,
            "exploration": exploration,
        }


def _draw_episodes(shape: Any) -> tf.Tensor:
    return tf.random.uniform(shape, maxval=2**32, dtype=tf.int64)


def _check_agent(agent: Any) -> None:
    from keras_cem.agent.cem_agent import CEMAgent

    if not isinstance(agent, CEMAgent):
        raise TypeError(
            "`agent` must be a `keras_cem.CEMAgent`. "
            f"Received: agent={agent!r} of type {type(agent).__name__}"
        )
    if agent.observation_space is None:
        raise ValueError(
            "`agent` must have an observation space. Received: "
            "observation_space=None. Pass `observation_space` to `CEMAgent`, "
            "or call `fit` on an environment first."
        )


def _check_space(
    name: str, space: spaces.Space, expected: spaces.Space
) -> None:
    if space != expected:
        raise ValueError(
            f"`{name}` must match the agent's space, {expected}. Received: a "
            f"spec of {space}"
        )
