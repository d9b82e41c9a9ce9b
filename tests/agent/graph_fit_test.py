"""`fit` and `evaluate` inside of the compiled step."""

from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem
from keras_cem import envs, prng, spaces
from keras_cem.agent import deferred_xla
from keras_cem.agent.opening import open_playable

pytestmark = pytest.mark.slow

XLA = {"jit_compile": "auto"}
TRACED = {"jit_compile": False}
EAGER = {"run_eagerly": True}


@pytest.fixture(autouse=True)
def xla_from_the_start(monkeypatch):
    """As in training with large batches."""
    monkeypatch.setattr(deferred_xla, "BATCH_SIZE", 0)


class GuessState(NamedTuple):
    goal: tf.Tensor


class Guess(envs.Environment):
    """Reward 1 for the action that the observation names; three steps."""

    id = "Guess-v0"
    max_episode_steps = 3

    @property
    def observation_space(self):
        return spaces.Box(0, 1, (3,))

    @property
    def action_space(self):
        return spaces.Discrete(3, start=2)

    def initial(self, seeds):
        goal = tf.cast(seeds[0] % tf.constant(3, tf.uint32), tf.int32)
        return GuessState(goal)

    def transition(self, state, actions, seeds):
        right = tf.equal(tf.cast(actions, tf.int32) - 2, state.goal)
        number = prng.row_uniform(seeds, 1)[0]
        goal = tf.cast(3.0 * number, tf.int32)
        return GuessState(goal), tf.cast(right, tf.float32), right & False

    def observe(self, state):
        return tf.one_hot(state.goal, 3)


class CursedState(NamedTuple):
    goal: tf.Tensor
    cursed: tf.Tensor
    step: tf.Tensor


class Cursed(Guess):
    """Something is not finite in one step of one trajectory.

    Args:
        broken: What.
        iteration: In which iteration of an agent with seed 3, from 0.
        trajectory: In which trajectory. Defaults to 5.
    """

    id = "Cursed-v0"
    step = 1

    def __init__(self, broken, iteration, trajectory=5):
        super().__init__()
        self.broken = broken
        key = prng.make_key(3, prng.TRAINING_RESETS, iteration)
        counter = (
            tf.constant(trajectory, tf.uint32),
            tf.constant(0, tf.uint32),
        )
        self.word = int(prng.threefry2x32(key, counter)[0])

    def initial(self, seeds):
        cursed = tf.equal(seeds[0], tf.constant(self.word, tf.uint32))
        goal = super().initial(seeds).goal
        return CursedState(goal, cursed, tf.zeros_like(goal))

    def transition(self, state, actions, seeds):
        following, rewards, over = super().transition(state, actions, seeds)
        bad = state.cursed & tf.equal(state.step, self.step)
        if self.broken == "reward":
            rewards = tf.where(bad, float("nan"), rewards)
        return (
            CursedState(following.goal, state.cursed, state.step + 1),
            rewards,
            over,
        )

    def observe(self, state):
        bad = state.cursed & tf.equal(state.step, self.step)
        seen = super().observe(state)
        if self.broken == "observation":
            return tf.where(bad[:, None], float("inf"), seen)
        return seen


@keras.saving.register_keras_serializable("tests")
class OnHost(keras.layers.Layer):
    """What XLA cannot compile."""

    def call(self, x):
        y = tf.numpy_function(lambda value: value, [x], x.dtype)
        return tf.ensure_shape(y, x.shape)


def make_agent(env, layers=(), seed=3, options=None, **compile_kwargs):
    """An agent without XLA, which compiles for seconds, unless it is asked for.

    Tests of what XLA compiles pass `**XLA`.
    """
    keras.utils.set_random_seed(1)
    policy = keras.Sequential(
        [
            keras.Input((3,)),
            *layers,
            keras.layers.Dense(8, activation="tanh"),
            keras.layers.Dense(3),
        ]
    )
    agent = cem.CEMAgent(policy, env.action_space, seed=seed, **(options or {}))
    agent.compile(
        keras.optimizers.Adam(0.1), **{"jit_compile": False, **compile_kwargs}
    )
    return agent


def fit(agent, env, epochs=3, batch_size=32, **kwargs):
    kwargs.setdefault("callbacks", [cem.callbacks.EpsilonDecay()])
    return agent.fit(
        env, batch_size=batch_size, epochs=epochs, verbose=0, **kwargs
    )


def weights(agent):
    variables = [*agent.variables, *agent.optimizer.variables]
    if agent.memory is not None:
        variables += agent.memory.buffers
    return [np.array(variable) for variable in variables]


def assert_close(first, second):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def assert_same(first, second):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_learns_what_to_do_and_evaluates_greedily():
    env = Guess()
    agent = make_agent(env)
    history = fit(agent, env, epochs=30, batch_size=64, validation_data=env)
    assert history.history["val_episode_return"][-1] > 2.9
    results = agent.evaluate(env, batch_size=50, return_dict=True, verbose=0)
    assert set(results) == {"episode_return", "episode_length"}
    assert results["episode_return"] > 2.9
    assert results["episode_length"] == 3
    again = agent.evaluate(env, batch_size=50, return_dict=True, verbose=0)
    assert results == again


def test_evaluation_plays_other_episodes_than_validation():
    """Also where both have the same size, after one another."""

    class Luck(Guess):
        def transition(self, state, actions, seeds):
            following, _, over = super().transition(state, actions, seeds)
            return following, prng.row_uniform(seeds, 1)[0], over

    env = Luck()
    agent = make_agent(env, **EAGER)
    # Not learning, so that both are of the same policy in one iteration.
    agent.optimizer.learning_rate = 0.0
    history = fit(
        agent, env, epochs=1, validation_data=env, validation_batch_size=64
    )
    validated = history.history["val_episode_return"][0]
    evaluated = agent.evaluate(env, batch_size=64, verbose=0)[0]
    fresh = make_agent(env, **EAGER)
    fresh.build_for(env.observation_space)
    fresh.iteration.assign(1)
    assert evaluated == fresh.evaluate(env, batch_size=64, verbose=0)[0]
    assert evaluated != validated


class Twelve(NamedTuple):
    """A training of two epochs with six iterations each."""

    agent: cem.CEMAgent
    history: dict
    seen: list  # Weights after each iteration.


def _twelve(**mode):
    env, seen = Guess(), []
    agent = make_agent(env, **mode)
    record = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(weights(agent))
    )
    history = fit(
        agent,
        env,
        epochs=2,
        steps_per_epoch=6,
        callbacks=[cem.callbacks.EpsilonDecay(), record],
    )
    return Twelve(agent, history.history, seen)


@pytest.fixture(scope="module")
def traced():
    return _twelve(**TRACED)


@pytest.fixture(scope="module")
def compiled():
    return _twelve(**XLA)


def test_history_has_the_values_of_the_iterations(traced):
    history = traced.history
    assert set(history) == {
        "loss",
        "episode_return",
        "episode_return_max",
        "episode_length",
        "elite_threshold",
        "num_elites",
        "epsilon",
        "env_steps",
        "env_restarts",
        "num_nonfinite",
    }
    assert history["env_restarts"] == history["num_nonfinite"] == [0, 0]
    assert history["env_steps"] == [6 * 32 * 3, 12 * 32 * 3]
    np.testing.assert_allclose(history["epsilon"], [1 / 6, 1 / 12])
    assert history["episode_length"] == [3, 3]


def test_iteration_plays_as_collect_does_before_it():
    """Lag 0: played with the weights that the update starts from."""
    env = Guess()
    agent = make_agent(env, **EAGER)
    agent.build_for(env.observation_space)
    source_seen = []
    for _ in range(3):
        before = agent.policy.get_weights()
        history = fit(agent, env, epochs=1, callbacks=[])
        source_seen.append((before, history.history["episode_return"][0]))
    twin = make_agent(env)
    twin.build_for(env.observation_space)
    for iteration, (before, expected) in enumerate(source_seen):
        twin.policy.set_weights(before)
        twin.iteration.assign(iteration)
        source = open_playable(twin, env, 32, {})
        played = twin._player.play(
            source, 32, prng.TRAINING_RESETS, epsilon=float(agent.epsilon)
        )
        assert played.returns.mean() == pytest.approx(expected)


@pytest.mark.parametrize(("steps", "mode"), [(3, "traced"), (4, "compiled")])
def test_results_do_not_depend_on_steps_per_execution(steps, mode, request):
    one = request.getfixturevalue(mode)
    env = Guess()
    modes = {"traced": TRACED, "compiled": XLA}
    other = make_agent(env, steps_per_execution=steps, **modes[mode])
    history = fit(other, env, epochs=2, steps_per_epoch=6)
    assert_same(one.seen[-1], weights(other))
    np.testing.assert_allclose(history.history["epsilon"], [1 / 6, 1 / 12])
    assert int(other.iteration) == 12


def test_compiled_traced_and_eager_agree(traced, compiled):
    env = Guess()
    eager = make_agent(env, **EAGER)
    fit(eager, env, epochs=2)
    for other in (traced.seen[1], weights(eager)):
        for one, two in zip(compiled.seen[1], other, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def test_second_fit_and_evaluation_trace_nothing():
    traces = []

    class Counting(Guess):
        def observe(self, state):
            traces.append(1)
            return super().observe(state)

    envs.check(Counting())
    of_check = len(traces)
    agent = make_agent(Guess(), **XLA)
    fit(agent, Counting(), validation_data=Counting())
    before = len(traces)
    fit(agent, Counting(), validation_data=Counting())
    fit(agent, Counting(), epochs=5, steps_per_epoch=2)
    # Validation has compiled what an evaluation runs.
    agent.evaluate(Counting(), batch_size=32, verbose=0)
    # Opening it checks it, which traces it; nothing else does.
    assert len(traces) == before + 4 * of_check


def test_other_batch_size_and_other_environment_are_compiled_anew():
    env = Guess()
    agent = make_agent(env)
    fit(agent, env, epochs=1, batch_size=8)
    history = fit(agent, env, epochs=1, batch_size=16)
    assert history.history["env_steps"] == [8 * 3 + 16 * 3]
    history = fit(agent, Guess(max_episode_steps=2), epochs=1, batch_size=16)
    assert history.history["episode_length"] == [2]


def test_resumed_equals_uninterrupted(traced, tmp_path):
    env = Guess()
    part = make_agent(env)
    fit(part, env, epochs=1, steps_per_epoch=6)
    part.save(tmp_path / "agent.keras")
    rest = keras.saving.load_model(tmp_path / "agent.keras")
    fit(rest, env, epochs=2, steps_per_epoch=6, initial_epoch=1)
    assert_same(traced.seen[-1], weights(rest))


@pytest.mark.parametrize("choice", ["auto", True, False])
def test_explicit_choice_of_xla_is_kept_and_auto_saved_as_auto(
    choice, request, tmp_path
):
    if choice is True:
        # Without the seconds that XLA takes: "auto" compiles the same.
        env = Guess()
        agent = make_agent(env, jit_compile=True)
        agent.build_for(env.observation_space)
        agent.optimizer.build(agent.trainable_variables)
        agent.optimizer.iterations.assign(12)
    else:
        mode = {"auto": "compiled", False: "traced"}[choice]
        agent = request.getfixturevalue(mode).agent
    agent.save(tmp_path / "agent.keras")
    loaded = keras.saving.load_model(tmp_path / "agent.keras")
    assert loaded.get_compile_config()["jit_compile"] == choice
    assert int(loaded.optimizer.iterations) == 12


def test_policy_that_xla_cannot_compile_is_told_and_trained():
    env = Guess()
    agent = make_agent(env, layers=[OnHost()], **XLA)
    with pytest.warns(UserWarning, match="XLA cannot compile the policy"):
        fit(agent, env, epochs=2)
    assert int(agent.iteration) == 2


@pytest.mark.parametrize(
    ("broken", "steps", "done", "mode"),
    [("reward", 4, 4, XLA), ("observation", 1, 6, TRACED)],
    ids=["reward-compiled", "observation-traced"],
)
def test_execution_with_what_is_not_finite_is_undone(broken, steps, done, mode):
    """It is in iteration 7: with four an execution, the third of the second."""
    env = Cursed(broken, iteration=6)
    options = {"elite_memory": 8, "normalize_observations": True}
    agent = make_agent(env, options=options, steps_per_execution=steps, **mode)
    seen = []
    record = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(weights(agent))
    )
    message = (
        rf"The {broken} of trajectory 5 in step 1 of iteration 7 is not "
        r"finite\. Environment Cursed-v0\. Weights, optimizer and counters"
    )
    with pytest.raises(RuntimeError, match=message):
        fit(
            agent,
            env,
            epochs=8 // steps,
            steps_per_epoch=steps,
            callbacks=[cem.callbacks.EpsilonDecay(), record],
        )
    assert len(seen) == done // steps
    assert int(agent.iteration) == done
    assert_same(seen[-1], weights(agent))


def test_execution_with_a_gradient_that_is_not_finite_is_undone():
    env = Guess()
    agent = make_agent(env, steps_per_execution=2)
    agent.build_for(env.observation_space)
    fit(agent, env, epochs=1, steps_per_epoch=2)
    # The weights become so large within one step that the next overflows.
    agent.optimizer.learning_rate = 1e38
    before = weights(agent)
    with pytest.raises(RuntimeError, match=r"(?s)iteration 4 .*Environment"):
        fit(agent, env, epochs=1, steps_per_epoch=2)
    assert_same(before, weights(agent))
    # And trains on.
    agent.optimizer.learning_rate = 0.1
    fit(agent, env, epochs=1, steps_per_epoch=2)
    assert int(agent.iteration) == int(agent.optimizer.iterations) == 4
    assert all(np.all(np.isfinite(value)) for value in weights(agent))


class Twice(Cursed):
    """The reward of trajectory 5 is not finite, nor what 9 observes."""

    def __init__(self, iteration):
        super().__init__("reward", iteration)
        self.other = Cursed("observation", iteration, trajectory=9)

    def initial(self, seeds):
        state = super().initial(seeds)
        return TwiceState(state, self.other.initial(seeds).cursed)

    def transition(self, state, actions, seeds):
        following, rewards, over = super().transition(
            state.cursed, actions, seeds
        )
        return TwiceState(following, state.other), rewards, over

    def observe(self, state):
        return self.other.observe(state.cursed._replace(cursed=state.other))


class TwiceState(NamedTuple):
    cursed: CursedState
    other: tf.Tensor


def test_trajectories_that_are_not_finite_are_left_out():
    """Compiled and, one by one, eager."""
    env = Twice(iteration=1)
    options = {
        "on_nonfinite": "skip",
        "elite_memory": 8,
        "normalize_observations": True,
    }
    agent = make_agent(env, options=options, steps_per_execution=2, **XLA)
    twin = make_agent(env, options=options, **EAGER)
    twin.epsilon.assign(0.5)
    agent.epsilon.assign(0.5)
    history = fit(agent, env, epochs=2, steps_per_epoch=2, callbacks=[]).history
    assert history["num_nonfinite"] == [2, 0]
    assert all(np.all(np.isfinite(value)) for value in weights(agent))
    assert all(np.isfinite(values).all() for values in history.values())
    # One by one: of the second iteration, the other 30.
    fit(twin, env, epochs=1, callbacks=[])
    source = open_playable(twin, env, 32, {})
    played = twin._player.play(
        source, 32, prng.TRAINING_RESETS, epsilon=float(twin.epsilon)
    )
    assert np.flatnonzero(~np.isfinite(played.returns)).tolist() == [5, 9]
    assert played.lengths[[5, 9]].tolist() == [2, 2]
    logs = fit(twin, env, epochs=2, initial_epoch=1, callbacks=[]).history
    others = np.delete(played.returns, [5, 9])
    assert logs["episode_return"][0] == pytest.approx(others.mean())
    assert logs["episode_return_max"][0] == others.max()
    assert logs["episode_length"] == [3]
    assert logs["num_nonfinite"] == [2]


def test_collect_raises_what_is_not_finite_or_marks_it():
    env = Cursed("observation", iteration=0)
    key = prng.make_key(3, prng.COLLECT_RESETS, 0)
    counter = tf.constant(5, tf.uint32), tf.constant(0, tf.uint32)
    env.word = int(prng.threefry2x32(key, counter)[0])
    with pytest.raises(
        RuntimeError,
        match="The observation is not finite. Environment Cursed-v0, "
        r"trajectory 5, step 1\.",
    ):
        make_agent(env).collect(env, 8)
    agent = make_agent(env, options={"on_nonfinite": "skip"})
    returns = agent.collect(env, 8).returns
    assert np.flatnonzero(~np.isfinite(returns)).tolist() == [5]


def test_what_is_not_finite_in_an_evaluation_is_raised():
    env = Cursed("reward", iteration=0)
    agent = make_agent(env)
    agent.build_for(env.observation_space)
    key = prng.make_key(3, prng.EVALUATION_RESETS, 0)
    counter = tf.constant(9, tf.uint32), tf.constant(0, tf.uint32)
    env.word = int(prng.threefry2x32(key, counter)[0])
    before = weights(agent)
    with pytest.raises(
        RuntimeError,
        match="reward of trajectory 9 in step 1 of an evaluation is not finite",
    ):
        agent.evaluate(env, batch_size=4, steps=3, verbose=0)
    assert_same(before, weights(agent))


def test_ids_with_an_in_graph_version_are_played_in_the_graph():
    agent = cem.CEMAgent.from_env("CartPole-v1", hidden_units=(4,), seed=0)
    agent.compile("adam")
    in_graph = agent.collect("CartPole-v1", 20)
    on_host = agent.collect("CartPole-v1", 20, engine="host")
    again = agent.collect("CartPole-v1", 20, num_envs=5)
    assert on_host.lengths.tolist() == again.lengths.tolist()
    assert in_graph.lengths.tolist() != on_host.lengths.tolist()
    assert in_graph.observations.dtype == on_host.observations.dtype
    assert in_graph.actions.dtype == on_host.actions.dtype


def test_number_of_slots_changes_no_training():
    trained = []
    for num_envs in (12, 5):
        agent = make_agent(Guess(), options={"elite_memory": 4}, **EAGER)
        fit(agent, Guess(), batch_size=12, num_envs=num_envs)
        trained.append(weights(agent))
    # Products of few rows may round otherwise.
    assert_close(*trained)


class Changing(Guess):
    def transition(self, state, actions, seeds):
        state, rewards, over = super().transition(state, actions, seeds)
        goal = tf.cast(state.goal, tf.float32)
        return GuessState(goal), rewards, over


@pytest.mark.parametrize(
    ("env", "options", "error", "message"),
    [
        ("LunarLander-v3", {"engine": "graph"}, ValueError, "LunarLander-v3"),
        (lambda: None, {"engine": "graph"}, ValueError, "engine='graph'"),
        ("CartPole-v1", {"engine": "gpu"}, ValueError, "engine='gpu'"),
        (Guess(), {"engine": "host"}, ValueError, "engine='host'"),
        (Guess(), {"step_timeout": 4.0}, ValueError, "step_timeout=4.0"),
        (Guess(), {"max_episode_steps": 0}, ValueError, "max_episode_steps=0"),
        (Guess(), {"batch_size": 10**12}, ValueError, "GiB"),
        (Changing(), {}, ValueError, "goal"),
        (envs.make("CliffWalking-v1"), {}, ValueError, "max_episode_steps"),
        (envs.make("Pendulum-v1"), {}, ValueError, "action space"),
    ],
)
def test_bad_input_is_refused(env, options, error, message):
    agent = make_agent(Guess())
    with pytest.raises(error, match=message):
        fit(agent, env, **options)
    assert int(agent.iteration) == 0
