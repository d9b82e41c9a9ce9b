"""Finds faults of an environment before it is compiled."""

import re
from typing import Any

import numpy as np
import tensorflow as tf

from keras_cem import spaces
from keras_cem.envs.base import Environment

# Not 1, and unlikely to be a size of the environment.
_NUM_ROWS = 7
# Number of steps played to check integer observations.
_NUM_STEPS = 16

# Operations with side effects, or with results that depend on more than their
# inputs.
_IMPURE = re.compile(
    r"PyFunc|EagerPyFunc|Random|Multinomial|TruncatedNormal|Parameterized"
    r"|Stateful(?!PartitionedCall)|Rng|Assign"
)


def check(environment: Any) -> None:
    """Checks that an environment can be played in a compiled graph.

    Traces `initial`, `observe` and `transition` without compiling them. If
    observations hold integers, it also plays a few random steps, because a
    compiled step does not check observations.

    Args:
        environment: An `Environment`.

    Raises:
        TypeError: If it is not an `Environment`, or a space is not a
            `keras_cem.spaces.Space`.
        ValueError: If shapes or dtypes change in a step or differ from the
            spaces, or a function is not pure. The message names the leaf. Also
            if an integer of an observation is outside of its space. The
            message then also names the row and the step.
        RuntimeError: If a function raises an exception, which is the cause.
    """
    if not isinstance(environment, Environment):
        raise TypeError(
            "`environment` must be a `keras_cem.envs.Environment`. Received: "
            f"environment={environment!r} of type {type(environment).__name__}"
        )
    for name in ("observation_space", "action_space"):
        _check_space(environment, name)
    seeds = (_spec((), "uint32"), _spec((), "uint32"))
    initial = _trace(environment, "initial", seeds)
    _check_state(environment, initial.structured_outputs)
    state = tf.nest.map_structure(_spec_like, initial.structured_outputs)
    observe = _trace(environment, "observe", state)
    _check_observations(environment, observe.structured_outputs)
    for actions in _action_specs(environment.action_space):
        transition = _trace(environment, "transition", state, actions, seeds)
        _check_transition(environment, state, transition.structured_outputs)
    leaves = environment.observation_space.leaves
    if any(isinstance(leaf, spaces.Integers) for leaf in leaves):
        _check_integers(environment, initial, observe, transition)


def _check_space(environment: Environment[Any], name: str) -> None:
    space = getattr(environment, name)
    if not isinstance(space, spaces.Space):
        raise TypeError(
            f"`{name}` of {environment.id} must be a "
            f"`keras_cem.spaces.Space`. Received: {name}={space!r} of type "
            f"{type(space).__name__}. Convert a gymnasium space with "
            "`keras_cem.spaces.get`."
        )


def _check_observations(
    environment: Environment[Any], observations: Any
) -> None:
    space = environment.observation_space
    try:
        values = space.flatten(observations, "observations")
    except ValueError as error:
        raise ValueError(
            f"`observe` of {environment.id} must return values of the "
            f"observation space: {error}"
        ) from None
    for value, leaf, path in zip(
        values, space.leaves, space.leaf_paths, strict=True
    ):
        name = spaces.at("observations", path)
        row = _spec(leaf.shape, leaf.dtype)
        _check_leaf(environment, "observe", name, value, row)


def _check_state(environment: Environment[Any], state: Any) -> None:
    if not hasattr(state, "_fields"):
        raise ValueError(
            f"The state of {environment.id} must be a NamedTuple of tensors. "
            f"Received: {state!r} of type {type(state).__name__}"
        )
    for name, leaf in _leaves(state):
        if leaf.shape.rank == 0 or leaf.shape[0] != _NUM_ROWS:
            raise ValueError(
                f"`{name}` of {environment.id} must have one entry per row, "
                f"shape (N, ...). Received: shape {leaf.shape} with "
                f"N={_NUM_ROWS}"
            )


def _check_transition(
    environment: Environment[Any], before: Any, results: Any
) -> None:
    state, rewards, terminated = results
    if type(state) is not type(before):
        raise ValueError(
            f"`transition` of {environment.id} must return a state of the "
            f"same type as `initial`, {type(before).__name__}. Received: "
            f"{state!r}"
        )
    tf.nest.assert_same_structure(before, state)
    _check_truncated(environment, before)
    leaves = zip(_leaves(state), tf.nest.flatten(before), strict=True)
    expected = [(name, leaf, spec) for (name, leaf), spec in leaves]
    expected.append(("rewards", rewards, _spec((), "float32")))
    expected.append(("terminated", terminated, _spec((), "bool")))
    for name, leaf, spec in expected:
        _check_leaf(environment, "transition", name, leaf, spec)


def _check_truncated(environment: Environment[Any], state: Any) -> None:
    traced = _trace(environment, "truncated", state)
    truncated = traced.structured_outputs
    # One for all rows is what the default gives.
    if truncated.shape == () and truncated.dtype == tf.bool:
        return
    _check_leaf(
        environment, "truncated", "truncated", truncated, _spec((), "bool")
    )


def _check_integers(
    environment: Environment[Any], initial: Any, observe: Any, transition: Any
) -> None:
    """Plays random steps; refuses integers outside of their space."""
    generator = np.random.default_rng(0)

    def seeds() -> Any:
        words = generator.integers(2**32, size=(2, _NUM_ROWS), dtype=np.uint32)
        return tuple(tf.unstack(tf.constant(words)))

    steps = min(environment.max_episode_steps or _NUM_STEPS, _NUM_STEPS)
    live = np.ones(_NUM_ROWS, bool)
    try:
        state = initial(seeds())
        for step in range(steps):
            _check_inside(environment, observe(state), live, step)
            actions = environment.action_space.pack(
                [
                    tf.constant(_random(leaf, generator), leaf.dtype)
                    for leaf in environment.action_space.leaves
                ]
            )
            state, _, terminated = transition(state, actions, seeds())
            # Observations after the end of an episode are undefined.
            live &= ~(terminated | environment.truncated(state)).numpy()
    except tf.errors.OpError as error:
        raise RuntimeError(
            f"{environment.id} failed in a random step: {error}"
        ) from error


def _check_inside(
    environment: Environment[Any],
    observations: Any,
    live: np.ndarray,
    step: int,
) -> None:
    space = environment.observation_space
    for values, leaf, path in zip(
        space.flatten(observations), space.leaves, space.leaf_paths, strict=True
    ):
        if not isinstance(leaf, spaces.Integers):
            continue
        values = values.numpy()
        outside = (values < leaf.first) | (values > leaf.last)
        wrong = np.argwhere((outside.T & live).T)
        if wrong.size:
            row, *place = wrong[0].tolist()
            at = f" at index {tuple(place)}" if place else ""
            raise ValueError(
                f"`observe` of {environment.id} must return "
                f"`{spaces.at('observations', path)}` in the observation "
                f"space, {leaf}. Received: {values[row, *place]}{at} in row "
                f"{row}, step {step} of random episodes"
            )


def _random(leaf: spaces.Leaf, generator: np.random.Generator) -> np.ndarray:
    """Draws random values of a space, one per row."""
    shape = (_NUM_ROWS, *leaf.shape)
    if isinstance(leaf, spaces.Integers):
        return generator.integers(leaf.first, leaf.last, shape, endpoint=True)
    if isinstance(leaf, spaces.Box):
        return np.clip(generator.normal(size=shape), leaf.low, leaf.high)
    raise TypeError(f"cannot draw random values from {leaf}")


def _check_leaf(
    environment: Environment[Any],
    function: str,
    name: str,
    leaf: Any,
    spec: Any,
) -> None:
    if leaf.shape != spec.shape or leaf.dtype != spec.dtype:
        raise ValueError(
            f"`{function}` of {environment.id} must return `{name}` of shape "
            f"{spec.shape} and dtype {spec.dtype.name} for a batch of "
            f"{_NUM_ROWS} rows. Received: shape {leaf.shape}, dtype "
            f"{leaf.dtype.name}"
        )


def _trace(environment: Environment[Any], name: str, *specs: Any) -> Any:
    function = getattr(environment, name)
    try:
        traced = tf.function(function).get_concrete_function(*specs)
    except Exception as error:
        raise RuntimeError(
            f"`{name}` of {environment.id} failed for a batch of {_NUM_ROWS} "
            f"rows: {error}"
        ) from error
    for operation in sorted(_operations(traced.graph)):
        if _IMPURE.match(operation):
            raise ValueError(
                f"`{name}` of {environment.id} must be a pure function of its "
                f"inputs. Received: a function that uses {operation}. Draw "
                "random numbers from `seeds`, with "
                "`keras_cem.prng.row_uniform`, and keep everything else in the "
                "state."
            )
    return traced


def _operations(graph: tf.Graph) -> set[str]:
    definition = graph.as_graph_def()
    nodes = list(definition.node)
    for function in definition.library.function:
        nodes.extend(function.node_def)
    return {node.op for node in nodes}


def _leaves(state: Any) -> list[tuple[str, Any]]:
    """Returns the tensors of a state with their names."""
    leaves: list[tuple[str, Any]] = []
    for field, value in zip(state._fields, state, strict=True):
        parts = tf.nest.flatten(value)
        for number, part in enumerate(parts):
            index = f"[{number}]" if tf.nest.is_nested(value) else ""
            leaves.append((f"state.{field}{index}", part))
    return leaves


def _action_specs(space: spaces.Space) -> list[Any]:
    """Returns specs of actions, with a small and a large integer dtype."""
    pairs = [_leaf_specs(leaf) for leaf in space.leaves]
    first, second = map(list, zip(*pairs, strict=True))
    tries = [first] if first == second else [first, second]
    return [space.pack(specs) for specs in tries]


def _leaf_specs(leaf: spaces.Leaf) -> tuple[tf.TensorSpec, tf.TensorSpec]:
    if not isinstance(leaf, spaces.Integers):
        return (_spec(leaf.shape, leaf.dtype),) * 2
    largest = max(np.max(np.abs(leaf.first)), np.max(np.abs(leaf.last)))
    smallest = "int8" if largest <= np.iinfo("int8").max else "int32"
    return _spec(leaf.shape, smallest), _spec(leaf.shape, "int64")


def _spec(shape: tuple[int, ...], dtype: Any) -> tf.TensorSpec:
    return tf.TensorSpec((_NUM_ROWS, *shape), dtype)


def _spec_like(tensor: tf.Tensor) -> tf.TensorSpec:
    return tf.TensorSpec(tensor.shape, tensor.dtype)
