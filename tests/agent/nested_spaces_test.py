"""Agents whose observations and actions are arrays or nests of choices."""

import functools
from typing import NamedTuple

import gymnasium
import keras
import numpy as np
import pytest
import tensorflow as tf
from gymnasium import spaces as gym

import keras_cem as cem
from keras_cem import envs, prng, spaces
from keras_cem.engines.host.environment import EpisodeError
from tests import toy_envs

pytestmark = pytest.mark.slow

CHOICES = gym.MultiDiscrete([3, 2], start=[1, -1])
BITS = gym.MultiBinary(3)
NESTED = gym.Dict(
    turn=gym.Box(-1.0, 3.0, (1,)),
    go=gym.Tuple((gym.Discrete(3, start=2), BITS)),
)
PAIR = gym.Tuple((gym.Discrete(2), CHOICES))
EVERY = {"choices": CHOICES, "bits": BITS, "nested": NESTED, "pair": PAIR}
PLAYING = {"max_episode_steps": toy_envs.Mirror.steps, "verbose": 0}


def make_agent(space, learning_rate=0.1, **kwargs):
    agent = cem.CEMAgent.from_env(
        functools.partial(toy_envs.Mirror, space),
        **{"hidden_units": (), "seed": 0, **kwargs},
    )
    agent.compile(keras.optimizers.Adam(learning_rate))
    return agent


def batch_of(space, rows, seed=0):
    batched = gymnasium.vector.utils.batch_space(space, rows)
    batched.seed(seed)
    return batched.sample()


def assert_equal(first, second):
    """Of two nests, which need not agree in what is a list or a tuple."""
    pairs = zip(tf.nest.flatten(first), tf.nest.flatten(second), strict=True)
    for one, two in pairs:
        np.testing.assert_array_equal(one, two)


# Learning


@pytest.mark.parametrize(
    ("name", "random", "least"),
    [("choices", 5 / 12, 0.95), ("bits", 1 / 2, 0.95), ("nested", None, 0.9)],
)
def test_agent_learns_to_mirror_what_it_sees(name, random, least):
    space = EVERY[name]
    make = functools.partial(toy_envs.Mirror, space)
    agent = make_agent(space, elite_quantile=0.7, gradient_steps=4)
    decay = keras.optimizers.schedules.PolynomialDecay(1.0, 30, 0.1)
    history = agent.fit(
        make,
        batch_size=48,
        epochs=30,
        callbacks=[cem.callbacks.EpsilonDecay(decay)],
        **PLAYING,
    ).history
    if random is not None:
        first = history["episode_return"][0] / toy_envs.Mirror.steps
        assert first == pytest.approx(random, abs=0.1)
    trained = agent.evaluate(make, batch_size=50, **PLAYING)[0]
    assert trained > least * toy_envs.Mirror.steps


def test_agent_learns_to_see():
    agent = cem.CEMAgent.from_env(
        toy_envs.Quadrant,
        hidden_units=(),
        network={"filters": (4,)},
        elite_quantile=0.7,
        gradient_steps=4,
        seed=0,
    )
    agent.compile(keras.optimizers.Adam(0.02))
    agent.fit(
        toy_envs.Quadrant,
        batch_size=48,
        epochs=25,
        callbacks=[cem.callbacks.EpsilonDecay(minimum=0.2)],
        **PLAYING,
    )
    trained = agent.evaluate(toy_envs.Quadrant, batch_size=50, **PLAYING)[0]
    assert trained > 0.95 * toy_envs.Quadrant.steps


# Playing


@pytest.mark.parametrize("name", ["nested", "pair"])
def test_actions_have_the_format_of_the_space(name):
    """`Mirror` refuses others."""
    space = EVERY[name]
    agent = make_agent(space)
    make = functools.partial(toy_envs.Mirror, space)
    played = agent.collect(
        make, 5, epsilon=0.5, max_episode_steps=toy_envs.Mirror.steps
    )
    described = spaces.get(space)
    for nest in (played.observations, played.actions):
        for leaf, value in zip(
            described.leaves, described.flatten(nest), strict=True
        ):
            assert value.shape == (5, 4, *leaf.shape)
            assert value.dtype == leaf.dtype
    observation = make().reset(seed=3)[0]
    assert space.contains(agent.act(observation))
    assert space.contains(agent.act(observation, epsilon=1.0))


def test_nested_actions_are_those_of_the_weights_that_are_updated():
    log, weights = [], []

    class Logged(toy_envs.Mirror):
        def step(self, action):
            log.append((self._target, action))
            return super().step(action)

    # A box's action is the policy's output, but for little noise to learn of.
    agent = make_agent(NESTED, epsilon=1e-4)
    agent.compile(keras.optimizers.Adam(0.1), run_eagerly=True)
    agent.fit(
        lambda: Logged(NESTED),
        batch_size=4,
        epochs=3,
        num_envs=1,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_epoch_begin=lambda *_: weights.append(agent.get_weights())
            )
        ],
        **PLAYING,
    )
    space, num_steps = agent.observation_space, 4 * toy_envs.Mirror.steps
    assert len(log) == 3 * num_steps
    for epoch in range(3):
        played = log[epoch * num_steps : (epoch + 1) * num_steps]
        seen, acted = (
            space.pack(
                [np.stack(leaves) for leaves in zip(*nests, strict=True)]
            )
            for nests in zip(
                *[map(space.flatten, pair) for pair in played], strict=True
            )
        )
        for number, current in enumerate(weights):
            agent.set_weights(current)
            greedy = agent.head.greedy(agent(seen))["turn"].numpy()
            same = np.allclose(greedy, acted["turn"], atol=5e-3)
            assert same == (number == epoch)


class Wrapped(gymnasium.vector.VectorWrapper):
    """Hides the sub-environments, so that the whole is stepped."""


@pytest.mark.parametrize("mode", gymnasium.vector.AutoresetMode)
def test_vector_environment_plays_the_same_episodes(mode):
    agent = make_agent(PAIR)
    make = functools.partial(toy_envs.Mirror, PAIR)
    options = {"epsilon": 0.5, "max_episode_steps": toy_envs.Mirror.steps}
    alone = agent.collect(make, 5, num_envs=1, **options)
    vector = gymnasium.vector.SyncVectorEnv([make] * 3, autoreset_mode=mode)
    together = agent.collect(Wrapped(vector), 5, **options)
    for one, two in zip(alone, together, strict=True):
        assert_equal(one, two)


def test_workers_take_nested_actions():
    agent = make_agent(NESTED)
    make = functools.partial(toy_envs.Mirror, NESTED)
    options = {"max_episode_steps": toy_envs.Mirror.steps, "num_envs": 2}
    alone = agent.collect(make, 3, **options)
    apart = agent.collect(make, 3, vectorization_mode="async", **options)
    assert_equal(alone.actions, apart.actions)


def test_nan_in_any_part_of_an_observation_is_refused():
    class Broken(toy_envs.Mirror):
        def _draw(self):
            drawn = super()._draw()
            return {**drawn, "turn": np.full(1, np.nan, np.float32)}

    agent = make_agent(NESTED)
    with pytest.raises(EpisodeError, match="the observation is not finite"):
        agent.collect(lambda: Broken(NESTED), 2, max_episode_steps=4)
    with pytest.raises(ValueError, match="`observation` must be finite"):
        agent.act(Broken(NESTED).reset(seed=0)[0])


def test_observation_outside_of_its_box_is_played():
    class Far(toy_envs.Mirror):
        def _draw(self):
            return {**super()._draw(), "turn": np.full(1, 9.0, np.float32)}

    agent = make_agent(NESTED)
    played = agent.collect(
        lambda: Far(gym.Dict(NESTED)), 2, max_episode_steps=4
    )
    assert np.all(played.observations["turn"] == 9.0)


# Arrays, and what is kept


@pytest.mark.parametrize("name", ["choices", "nested"])
def test_policy_is_trained_on_arrays(name):
    space = EVERY[name]
    agent = make_agent(space, 0.2)
    x = batch_of(space, 64)
    first = agent.fit(x, x, batch_size=64, verbose=0).history["loss"][0]
    last = agent.fit(x, x, batch_size=64, epochs=30, verbose=0).history["loss"]
    assert last[-1] < 0.3 * first
    outputs = agent.predict(x, verbose=0)
    expected = agent.head.loss(
        tf.nest.map_structure(tf.constant, outputs),
        tf.nest.map_structure(tf.constant, x),
    )
    np.testing.assert_allclose(
        agent.evaluate(x, x, batch_size=64, verbose=0),
        np.mean(expected),
        rtol=1e-4,
    )


def test_agent_goes_on_after_a_reload(tmp_path):
    make = functools.partial(toy_envs.Mirror, NESTED)
    agent = make_agent(
        NESTED,
        noise="uniform",
        persistence=2,
        action_scale={"turn": 0.5, "go": (None, None)},
    )
    agent.compile("adam", run_eagerly=True)
    agent.fit(make, batch_size=6, **PLAYING)
    agent.save(tmp_path / "agent.keras")
    again = keras.saving.load_model(tmp_path / "agent.keras")
    again.run_eagerly = True
    assert again.head.get_config() == agent.head.get_config()
    for trained in (agent, again):
        trained.fit(make, batch_size=6, **PLAYING)
    assert_equal(agent.get_weights(), again.get_weights())
    x = batch_of(NESTED, 5)
    assert_equal(agent(x), again(x))


@pytest.mark.parametrize("name", ["nested", "pair"])
def test_endpoints_of_a_saved_model_take_and_return_nests(name, tmp_path):
    space = spaces.get(EVERY[name])
    agent = make_agent(EVERY[name])
    agent.export(tmp_path / "policy")
    policy = tf.saved_model.load(str(tmp_path / "policy"))
    for rows in (3, 1):
        x = batch_of(EVERY[name], rows)
        outputs = agent(x)
        sampled = policy.act_sample(x, tf.constant([1, 2]), tf.constant(0.0))
        for found, root, expected in (
            (policy.act(x), "actions", agent.head.greedy(outputs)),
            (policy.logits(x), "logits", outputs),
            (sampled, "actions", None),
        ):
            if name == "nested":  # Signatures have but one level.
                names = space.name_leaves(root, prefix=True)
                found = space.pack([found[leaf] for leaf in names])
            if expected is None:
                for leaf, value in zip(
                    space.leaves, space.flatten(found), strict=True
                ):
                    assert value.shape == (rows, *leaf.shape)
                continue
            pairs = zip(
                space.flatten(found), space.flatten(expected), strict=True
            )
            for one, two in pairs:
                np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)


# Networks of the user's own


@keras.saving.register_keras_serializable("tests")
class Own(keras.Model):
    """Takes the nest as it is."""

    def __init__(self, num_bits=3, **kwargs):
        super().__init__(**kwargs)
        self.turn = keras.layers.Dense(1)
        self.pick = keras.layers.Dense(3)
        self.bits = keras.layers.Dense(num_bits)

    def call(self, inputs):
        number, bits = inputs["go"]
        x = keras.ops.concatenate(
            [
                inputs["turn"],
                keras.ops.one_hot(number - 2, 3),
                keras.ops.cast(bits, "float32"),
            ],
            axis=-1,
        )
        return {"turn": self.turn(x), "go": [self.pick(x), self.bits(x)]}


def test_subclassed_network_of_a_nest_is_trained_and_saved(tmp_path):
    make = functools.partial(toy_envs.Mirror, NESTED)
    agent = cem.CEMAgent(Own(), NESTED, observation_space=NESTED, seed=0)
    agent.compile("adam", run_eagerly=True)
    agent.fit(make, batch_size=6, **PLAYING)
    agent.save(tmp_path / "agent.keras")
    again = keras.saving.load_model(tmp_path / "agent.keras")
    x = batch_of(NESTED, 5)
    assert_equal(agent(x), again(x))


def test_sequential_network_takes_raw_arrays():
    make = functools.partial(toy_envs.Mirror, BITS)
    policy = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
    agent = cem.CEMAgent(policy, BITS, seed=0)
    agent.compile("adam", run_eagerly=True)
    agent.fit(make, batch_size=6, **PLAYING)
    assert agent.observation_space == spaces.get(BITS)


def test_outputs_that_do_not_fit_are_refused_by_their_path():
    policy = Own(num_bits=2)
    with pytest.raises(ValueError, match=r"in outputs\['go'\]\[1\] for") as e:
        cem.CEMAgent(policy, NESTED, observation_space=NESTED)
    assert "returned shape (batch, 2)" in str(e.value)


# Inside the compiled step


class AimState(NamedTuple):
    goal: tf.Tensor


class Aim(envs.Environment):
    """Reward is the share of an array that is hit; three steps.

    The array, of two integers, is observed in two parts.
    """

    id = "Aim-v0"
    max_episode_steps = 3

    @property
    def observation_space(self):
        return spaces.Dict(
            {"first": spaces.Discrete(3), "rest": spaces.Box(0, 1, (2,))}
        )

    @property
    def action_space(self):
        return spaces.MultiDiscrete([3, 2], start=[0, 200])

    def initial(self, seeds):
        return self._drawn(seeds)

    def transition(self, state, actions, seeds):
        aimed = tf.cast(actions, tf.int32) - [0, 200]
        hit = tf.cast(tf.equal(aimed, state.goal), tf.float32)
        over = tf.zeros_like(hit[:, 0], tf.bool)
        return self._drawn(seeds), tf.reduce_mean(hit, axis=1), over

    def observe(self, state):
        return {
            "first": tf.cast(state.goal[:, 0], tf.int64),
            "rest": tf.one_hot(state.goal[:, 1], 2),
        }

    def _drawn(self, seeds):
        first, second = prng.row_uniform(seeds, 2)
        scaled = tf.stack([3.0 * first, 2.0 * second], axis=-1)
        return AimState(tf.cast(scaled, tf.int32))


def test_nested_environment_is_learned_inside_the_graph():
    env = Aim()
    agent = cem.CEMAgent.from_env(
        env, hidden_units=(), elite_quantile=0.7, gradient_steps=4, seed=0
    )
    agent.compile(keras.optimizers.Adam(0.1))
    agent.fit(
        env,
        batch_size=64,
        epochs=25,
        callbacks=[cem.callbacks.EpsilonDecay(minimum=0.2)],
        verbose=0,
    )
    played = agent.collect(env, 6)
    assert played.actions.shape == (6, 3, 2)
    assert played.actions.dtype == np.int64
    assert played.observations["first"].shape == (6, 3)
    np.testing.assert_array_equal(
        played.actions[..., 0], played.observations["first"]
    )
    np.testing.assert_array_equal(
        played.actions[..., 1] - 200,
        np.argmax(played.observations["rest"], axis=-1),
    )


def test_nested_environment_is_a_vector_environment_of_gymnasium():
    from keras_cem.envs.gymnasium_vector import GraphVectorEnv

    vector = GraphVectorEnv(Aim(), 4)
    observations, _ = vector.reset(seed=0)
    assert vector.observation_space.contains(observations)
    aimed = np.stack(
        [observations["first"], 200 + np.argmax(observations["rest"], -1)], -1
    )
    _, rewards, *_ = vector.step(aimed)
    np.testing.assert_array_equal(rewards, np.ones(4))
    with pytest.raises(ValueError, match="Received: actions from 0 to 0"):
        vector.step(np.zeros((4, 2), np.int64))


def test_observation_that_is_not_built_as_the_space_is_refused():
    class Wrong(Aim):
        id = "Wrong-v0"

        def observe(self, state):
            return super().observe(state)["rest"]

    with pytest.raises(ValueError, match="`observe` of Wrong-v0 must") as error:
        envs.check(Wrong())
    assert "`observations` must be a dictionary" in str(error.value)
