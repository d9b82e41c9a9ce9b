"""The agent: a policy that learns by imitating its own best episodes."""

import copy
import os
import pathlib
from collections.abc import Sequence
from typing import Any, Unpack

import keras
import numpy as np

from keras_cem import spaces
from keras_cem.agent import (
    acting,
    building,
    critics,
    fit_checks,
    option_attributes,
)
from keras_cem.agent.acting import Scalar, plain_number
from keras_cem.agent.opening import DEFAULT_BATCH_SIZE
from keras_cem.agent.option_attributes import OptionAttributes
from keras_cem.agent.options import CEMOptions
from keras_cem.agent.trainer import EnvironmentTrainer
from keras_cem.algorithm import elite_memory
from keras_cem.engines import sources
from keras_cem.engines.groups import Groups
from keras_cem.engines.playing import Playing, takes_playing
from keras_cem.engines.trajectories import Trajectories
from keras_cem.export import export_policy
from keras_cem.networks.category_lookup import with_lookup
from keras_cem.networks.default import describe
from keras_cem.networks.normalization import NormalizedPolicy
from keras_cem.saving import config_versions, size_limits
from keras_cem.utils import files, option_fields
from keras_cem.utils.keras_internals import set_untracked
from keras_cem.utils.option_kinds import Layer
from keras_cem.utils.tensors import Array, Nest


@keras.saving.register_keras_serializable("keras_cem")
@option_fields.documents(CEMOptions)
class CEMAgent(EnvironmentTrainer, OptionAttributes):
    """Deep cross-entropy method: a policy imitates its own best episodes.

    In iteration n = 1, 2, ... the agent plays K whole episodes with the
    explored policy. It selects the elite trajectories and takes a gradient
    step towards their actions:

        G(tau_k) > gamma_q,  gamma_q the q-quantile of G(tau_1), ..., G(tau_K)

        Loss = 1/|elites| sum of loss(s, a) over the pairs of the elites

    Here loss(s, a) is `-ln softmax(F(s))_a` for discrete actions and
    `||(F(s) - a) / h||^2` for a box of half-width h. For nested actions it is
    the sum of the losses of the parts. `keras_cem.heads` describes the
    exploration.

    An environment is the dataset of `fit` and `evaluate`. One sample is one
    trajectory. One batch is the K trajectories of an iteration. One epoch is
    `steps_per_epoch` iterations. With arrays, `fit(x, y)` is ordinary
    supervised training of the policy, and y holds the actions.

    This is not the `CEMAgent` of keras-rl. That one searches over weights with
    a Gaussian and computes no gradient.

    Args:
        policy: `keras.Layer` that maps a batch of observations to logits, or
            to action means for a Box. `head.output_shape` gives the shape of
            the outputs. For nested actions it returns a nest of outputs.
        action_space: gymnasium space of the actions: `Discrete`, `Box`,
            `MultiDiscrete`, `MultiBinary`, or `Dict` and `Tuple` of these.
        observation_space: gymnasium space of the observations. Defaults to
            `None`: taken from the first environment.
        **options: The options of the method, see `CEMOptions`.

    Example:

    >>> agent = CEMAgent.from_env("CartPole-v1", hidden_units=(8,), seed=0)
    >>> agent.compile(optimizer=keras.optimizers.Adam(1e-2))
    >>> history = agent.fit("CartPole-v1", batch_size=8, epochs=2, verbose=0)
    >>> "episode_return" in history.history
    True

    References:
        Rubinstein (1999), The cross-entropy method for combinatorial and
        continuous optimization. https://doi.org/10.1023/A:1010091220143
    """

    @option_fields.takes(option_attributes.AgentArguments)
    def __init__(
        self,
        policy: keras.Layer,
        action_space: object,
        *,
        observation_space: object = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        Layer().check("policy", policy)
        given = option_fields.take(CEMOptions, kwargs)
        head = building.head(action_space, given)
        super().__init__(name=name, **kwargs)
        self.policy = (
            NormalizedPolicy(policy) if given.normalize_observations else policy
        )
        self.head = head
        self.observation_space: spaces.Space | None = None
        self.memory = elite_memory.make(
            given.elite_memory, given.elite_memory_age
        )
        self.groups = Groups(
            given.episodes_per_start or 1, given.episodes_per_policy
        )
        set_untracked(self, _options=given)
        option_attributes.set_attributes(self, given)
        self.epsilon = self._counter("epsilon", "float32", given.epsilon)
        self.iteration = self._counter("iteration", "int64")
        self.env_steps = self._counter("env_steps", "int64")
        if given.critic is not None:
            self.return_statistics = critics.return_statistics()
        self._prepare_fit()
        if observation_space is not None:
            self.build_for(spaces.get(observation_space, "observation_space"))
            # A subclass adds layers and metrics after this. Keras locks a
            # built layer against that (keras 3.15, tracking.py).
            self._tracker.unlock()

    @classmethod
    @option_fields.takes(option_attributes.FromEnvArguments)
    def from_env(
        cls,
        env: object,
        *,
        hidden_units: tuple[int, ...] = (128,),
        activation: object = "relu",
        network: dict[str, Any] | None = None,
        **agent_kwargs: Any,
    ) -> "CEMAgent":
        """Returns an agent with the default network for an environment.

        Args:
            env: An environment, in any form that `fit` takes.
            hidden_units: Units of each hidden layer. Defaults to `(128,)`.
            activation: Activation of the hidden layers. Defaults to `"relu"`.
            network: Further arguments of `networks.default_policy`, such as
                `{"dropout": 0.1}` or `{"embedding": 16}`. uint8 observations
                with 2 or 3 axes are images or codes. Their shape and the first
                observation of `env` decide which. `{"image": False}` or
                `{"image": True}` overrides that. Defaults to `None`.
            **agent_kwargs: Further arguments of `CEMAgent`.
        """
        arguments = building.for_env(
            env, hidden_units, activation, network, agent_kwargs
        )
        return cls(**arguments)

    @classmethod
    def spaces_of(cls, env: object) -> tuple[spaces.Space, spaces.Space]:
        """Returns the observation and the action space of an environment.

        Args:
            env: An environment as in `fit`, or a Minari dataset.
        """
        return sources.look_at(env)[:2]

    @property
    def num_forgotten(self) -> int:
        """Number of times that the compiled acting functions were dropped."""
        return self._player.num_forgotten

    def overrides(self, name: str) -> bool:
        """Whether a subclass, or this instance, overrides a method."""
        own = getattr(getattr(self, name), "__func__", None)
        return own is not getattr(CEMAgent, name)

    # Methods, not properties: Keras reads all attributes when it saves, and
    # would save their values a second time (keras 3.15, saving_lib.py).

    def acting_network(self) -> Any:
        """The network that acts: the policy, or the agent with its `call`."""
        return self if self.overrides("call") else self.policy

    def network_variables(self) -> list[Any]:
        """All variables that imitation may change, without the counters."""
        others = [*self._counters(), *critics.variables(self)]
        return critics.without(self.variables, others)

    @property
    def trainable_variables(self) -> list[Any]:
        """Variables that imitation trains: the policy's, not the critic's."""
        own = critics.variables(self)
        return critics.without(super().trainable_variables, own)

    trainable_weights = trainable_variables

    def _counters(self) -> tuple[Any, ...]:
        return self.epsilon, self.iteration, self.env_steps

    def set_weights(self, weights: Sequence[Array]) -> None:
        """Sets the weights, as Keras does, except for the counters.

        `epsilon`, `iteration` and `env_steps` measure the progress of training
        and keep their values: a callback that restores the best weights does
        not reset them. `load_weights`, `keras.saving.load_model` and
        `resume_from` restore them.

        Args:
            weights: Arrays, as `get_weights` returns them.
        """
        current = self.weights
        if len(weights) == len(current):
            kept = {id(counter) for counter in self._counters()}
            weights = [
                variable.numpy() if id(variable) in kept else np.asarray(value)
                for variable, value in zip(current, weights, strict=True)
            ]
        super().set_weights(weights)

    def describe_network(self) -> dict[str, str]:
        """Returns how the network encodes each input, if it is the default."""
        space = self.observation_space
        return {} if space is None else describe(self.policy, space)

    def build_for(self, observation_space: spaces.Space) -> None:
        """Creates the policy's weights and checks the shape of its outputs.

        Args:
            observation_space: Space of one observation.

        Raises:
            ValueError: If the policy's outputs do not fit the action space, or
                the agent was built for another space.
        """
        building.build(self, observation_space)

    def call(self, inputs: Nest, training: bool | None = None) -> Any:
        """Returns the policy's outputs: logits, or action means."""
        return with_lookup(self.policy)(inputs, training=training)

    @takes_playing
    def collect(
        self,
        env: object,
        batch_size: int = DEFAULT_BATCH_SIZE,
        *,
        epsilon: Scalar | None = None,
        seed: int | None = None,
        **playing: Unpack[Playing],
    ) -> Trajectories:
        """Plays whole episodes without learning, and returns them.

        Without training in between, two calls with the same `seed` play the
        same episodes.

        Args:
            env: An environment as in `fit`.
            batch_size: Number of episodes. Defaults to `64`.
            epsilon: Amount of exploration. Defaults to `None`: act greedily.
            seed: Seed of resets and exploration. Defaults to the agent's.
            **playing: How to play, as in `fit`.

        Returns:
            `Trajectories` of NumPy arrays.
        """
        fit_checks.check_no_strategy(self.made_under)
        return acting.collect(
            self, self._player, env, batch_size, epsilon, seed, playing
        )

    def act(self, observation: Nest, epsilon: Scalar = 0.0) -> Any:
        """Returns the action for one observation, in the form of `env.step`.

        Args:
            observation: One observation, without a batch axis.
            epsilon: Amount of exploration. Above 0, the action is drawn from
                the explored policy. Exploration continues from call to call.
                Defaults to `0.0`: the greedy action.

        Returns:
            NumPy scalar or array of the action space's dtype and shape, or a
            nest of them for a `Dict` or `Tuple`.

        Raises:
            ValueError: If the agent has no observation space, or the
                observation does not fit it or is not finite.
        """
        return acting.act(self, self._player, observation, epsilon)

    def export(
        self,
        filepath: str | os.PathLike[str],
        format: str = "tf_saved_model",
        verbose: bool | None = None,
    ) -> None:
        """Exports the policy for use without keras_cem and without Keras.

        An exported policy takes batches of any size. Its inputs have the names
        and dtypes of the observation space. Its outputs are `actions`, the
        greedy actions, and `logits`, the raw outputs of the policy. A
        SavedModel also has the endpoints `act`, `logits` and `act_sample`, see
        `keras_cem.export`.

        Args:
            filepath: A folder for `"tf_saved_model"` and `"openvino"`, or a
                file that ends in `.onnx` or `.tflite` for the other formats.
                A complete new export replaces an earlier one.
            format: `"tf_saved_model"`, `"onnx"`, `"litert"` or `"openvino"`.
                All but the first need the extra of keras-cem with that name.
                Defaults to `"tf_saved_model"`.
            verbose: Whether to print the path. Defaults to `None`: no.

        Raises:
            ImportError: If a package is missing. The message names the extra.
            ValueError: If the agent has no observation space, `filepath` or
                `format` is invalid, or the format cannot express the policy.
        """
        export_policy(self, filepath, format)
        if verbose:
            print(f"Exported to {os.fspath(filepath)!r}.")  # noqa: T201

    def save(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,
        zipped: bool | None = None,
        **kwargs: object,
    ) -> None:
        """Saves the agent and its optimizer, as Keras does.

        An existing `.keras` file is replaced only when the new file is complete
        and on disk.

        Args:
            filepath: Path that ends in `.keras`.
            overwrite: As in Keras. Defaults to `True`.
            zipped: As in Keras. `False` writes a folder, whose name must not
                end in `.keras`. Defaults to `None`: a file.
            **kwargs: Further arguments of `keras.Model.save`.
        """
        is_file = pathlib.Path(filepath).suffix == ".keras"
        if not overwrite or not is_file or zipped is False:
            super().save(filepath, overwrite, zipped, **kwargs)
            return
        with files.replacing(filepath) as partial:
            super().save(partial, **kwargs)

    def get_config(self) -> dict[str, Any]:
        config = {
            **keras.Layer.get_config(self),
            "policy": keras.saving.serialize_keras_object(
                building.inner_policy(self)
            ),
            "action_space": spaces.serialize(self.action_space),
            "observation_space": (
                None
                if self.observation_space is None
                else spaces.serialize(self.observation_space)
            ),
            **option_fields.serialize(self._options),
        }
        return config_versions.stamp(config)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "CEMAgent":
        config = config_versions.migrate(config)
        for part in filter(None, (config["policy"], config.get("critic"))):
            size_limits.check_policy(part, config["observation_space"])
        # A copy, because Keras modifies the config that it deserializes.
        policy = keras.saving.deserialize_keras_object(
            copy.deepcopy(config.pop("policy"))
        )
        config = option_fields.deserialize(CEMOptions, config)
        return cls(policy, config.pop("action_space"), **config)

    def __setattr__(self, name: str, value: object) -> None:
        """Assigns `epsilon`, and refuses changes of fixed options.

        Raises:
            AttributeError: If `name` is a fixed option of the method.
            ValueError: If `name` is `epsilon` and the value is out of range.
        """
        if name in vars(self):
            if name == "epsilon":
                epsilon: float = plain_number(value)
                self.head.check_epsilon(epsilon)
                self.epsilon.assign(epsilon)
                return
            option_attributes.refuse_change(self, name, value)
        super().__setattr__(name, value)

    def _counter(self, name: str, dtype: str, value: float = 0) -> Any:
        return self.add_weight(
            shape=(),
            dtype=dtype,
            initializer=keras.initializers.Constant(value),
            trainable=False,
            name=name,
        )
