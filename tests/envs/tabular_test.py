import gymnasium
import numpy as np
import pytest
import tensorflow as tf

from keras_cem import envs, prng
from keras_cem.envs import tabular, toy_text
from tests.envs import reference

# Action 0 stays; action 1 goes to either other state, more often to the last.
CHAIN = {
    0: {
        0: [(1.0, 0, 0.0, False)],
        1: [(0.25, 1, -1.0, False), (0.75, 2, 5.0, True)],
    },
    1: {0: [(1.0, 1, 0.5, False)], 1: [(1.0, 2, 2.0, True)]},
    2: {0: [(1.0, 2, 0.0, True)], 1: [(1.0, 2, 0.0, True)]},
}
DETERMINISTIC = [
    name
    for name in reference.TOY_TEXT
    if name.startswith(("Taxi", "CliffWalking-"))
]
TAXI = reference.TOY_TEXT[-1]


def chain(**arguments):
    return envs.Tabular(CHAIN, [0.5, 0.5, 0.0], **arguments)


def step_all(env, indices, actions, offset=0):
    state = tabular.TabularState(tf.constant(indices, tf.int32))
    seeds = reference.seeds(len(indices), offset)
    state, _, rewards, terminated = env.step(state, actions, seeds)
    return state.index.numpy(), rewards.numpy(), terminated.numpy()


def outcomes_of(env):
    """All `(state, action, outcomes)` of a table."""
    for state, actions in enumerate(env.parameters.transitions):
        for action, outcomes in enumerate(actions):
            yield state, action, outcomes


@pytest.mark.parametrize(
    ("name", "parameters"),
    [(name, {}) for name in DETERMINISTIC]
    + [("FrozenLake-v1", {"is_slippery": False})],
)
def test_certain_outcomes_equal_the_table(name, parameters):
    env = envs.make(name, **parameters)
    table = gymnasium.make(name, **parameters).unwrapped.P
    pairs = [(s, a) for s in table for a in table[s]]
    states, actions = np.array(pairs).T
    _, next_states, rewards, terminated = (
        np.array(column)
        for column in zip(*(table[s][a][0] for s, a in pairs), strict=True)
    )
    results = step_all(env, states, actions)
    np.testing.assert_array_equal(results[0], next_states)
    np.testing.assert_array_equal(results[1], rewards)
    np.testing.assert_array_equal(results[2], terminated)


@pytest.mark.parametrize("name", reference.TOY_TEXT)
def test_table_equals_gymnasiums(name):
    env, ref = envs.make(name), gymnasium.make(name).unwrapped
    for state, action, outcomes in outcomes_of(env):
        assert list(outcomes) == ref.P[state][action]
    np.testing.assert_allclose(
        env.parameters.initial_distribution, ref.initial_state_distrib
    )


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("FrozenLake-v1", {}),
        ("FrozenLake-v1", {"success_rate": 0.8}),
        ("FrozenLake8x8-v1", {}),
        ("CliffWalkingSlippery-v1", {}),
    ],
)
def test_frequencies_follow_the_table(name, parameters):
    draws = 1000
    env = envs.make(name, **parameters)
    pairs = [row for row in outcomes_of(env) if len(row[2]) > 1]
    states = np.repeat([row[0] for row in pairs], draws)
    actions = np.repeat([row[1] for row in pairs], draws)
    index, rewards, terminated = (
        part.reshape(-1, draws) for part in step_all(env, states, actions)
    )
    chi_square = degrees = 0
    for row, (_, _, outcomes) in enumerate(pairs):
        expected: dict = {}
        for probability, *result in outcomes:
            key = (result[0], np.float32(result[1]), result[2])
            expected[key] = expected.get(key, 0.0) + probability
        drawn = zip(index[row], rewards[row], terminated[row], strict=True)
        counts = dict.fromkeys(expected, 0)
        for key in drawn:
            counts[key] += 1  # KeyError: an outcome that is not in the table
        chi_square += sum(
            (counts[key] - draws * p) ** 2 / (draws * p)
            for key, p in expected.items()
        )
        degrees += len(expected) - 1
    # Its mean is `degrees`, its variance twice that; 4 deviations.
    assert abs(chi_square - degrees) < 4 * np.sqrt(2 * degrees)


def test_frequencies_of_a_written_out_table():
    draws = 40_000
    env = chain()
    ones = np.ones(draws, np.int32)
    index, rewards, terminated = step_all(env, 0 * ones, ones)
    assert set(index) == {1, 2}
    np.testing.assert_allclose(np.mean(index == 1), 0.25, atol=0.01)
    np.testing.assert_array_equal(rewards, np.where(index == 1, -1.0, 5.0))
    np.testing.assert_array_equal(terminated, index == 2)
    index, rewards, terminated = step_all(env, ones, 0 * ones)
    np.testing.assert_array_equal(index, 1)  # although other pairs have two
    np.testing.assert_array_equal(rewards, 0.5)
    assert not terminated.any()


def test_steps_of_a_row_are_independent():
    env = chain()
    ones = np.ones(20_000, np.int32)
    first = step_all(env, 0 * ones, ones, offset=1)[0] == 1
    second = step_all(env, 0 * ones, ones, offset=2)[0] == 1
    np.testing.assert_allclose(np.mean(first & second), 0.0625, atol=0.007)


@pytest.mark.parametrize("name", [TAXI, "FrozenLake-v1", "CliffWalking-v1"])
def test_starts_follow_the_distribution(name):
    draws = 60_000
    env = envs.make(name)
    index = env.initial(reference.seeds(draws)).index.numpy()
    expected = draws * np.array(env.parameters.initial_distribution)
    counts = np.bincount(index, minlength=len(expected))
    possible = expected > 0
    assert not counts[~possible].any()
    chi_square = np.sum((counts - expected)[possible] ** 2 / expected[possible])
    degrees = possible.sum() - 1
    assert abs(chi_square - degrees) <= 4 * np.sqrt(2 * degrees)


@pytest.mark.parametrize("name", reference.TOY_TEXT)
def test_whole_episodes_follow_gymnasium(name):
    """Gymnasium is told the outcome; it must find it in its own table."""
    num_rows = 4
    env = envs.make(name, max_episode_steps=60)
    step = tf.function(env.step, jit_compile=True)
    state, observations = env.reset(reference.seeds(num_rows))
    refs = [gymnasium.make(name, max_episode_steps=60) for _ in range(num_rows)]
    for ref, start in zip(refs, observations.numpy(), strict=True):
        ref.reset(seed=0)
        ref.unwrapped.s = int(start)
    playing = np.ones(num_rows, bool)
    for time in range(1, 61):
        actions = reference.random_actions(env, num_rows, seed=time)
        state, *results = step(
            state, tf.constant(actions), reference.seeds(num_rows, time)
        )
        ours = [part.numpy() for part in results]
        for row in np.flatnonzero(playing):
            ref = refs[row].unwrapped
            outcomes = ref.P[ref.s][actions[row]]
            drawn = [
                outcome
                for outcome in outcomes
                if outcome[1:] == tuple(part[row] for part in ours)
            ]
            ref.P[ref.s][actions[row]] = [(1.0, *drawn[0][1:])]
            before = ref.s
            result = refs[row].step(actions[row])
            ref.P[before][actions[row]] = outcomes
            assert result[:3] == (ours[0][row], ours[1][row], ours[2][row])
            assert result[3] == (time == env.max_episode_steps)
            playing[row] = not (result[2] or result[3])
    assert not playing.any()


def test_from_gymnasium_reads_an_environment():
    ref = gymnasium.make("FrozenLake-v1", desc=["SF", "HG"], is_slippery=False)
    env = envs.Tabular.from_gymnasium(ref, max_episode_steps=9)
    assert env.observation_space.n == 4
    assert env.max_episode_steps == 9
    assert env.id == "FrozenLake-v1"


def test_parameters_reach_gymnasium():
    env = envs.make("FrozenLake-v1", map_name="8x8", is_slippery=False)
    assert env.observation_space.n == 64
    assert all(len(outcomes) == 1 for *_, outcomes in outcomes_of(env))


def test_last_outcome_takes_what_rounding_leaves():
    tenth = [(0.1, state, 0.0, False) for state in range(10)]
    env = envs.Tabular([[tenth]] * 10, [0.1] * 10)
    assert sum([0.1] * 10) != 1.0
    draws = np.zeros(50_000, np.int32)
    counts = np.bincount(step_all(env, draws, draws)[0], minlength=10)
    assert counts.shape == (10,)
    assert counts.min() > 4600
    assert env.initial(reference.seeds(50_000)).index.numpy().max() == 9


def test_impossible_outcomes_never_happen():
    outcomes = [
        (0.0, 0, 0.0, False),
        (0.5, 1, 0.0, False),
        (0.0, 0, 0.0, False),
        (0.5, 2, 0.0, False),
        (0.0, 0, 0.0, False),
    ]
    env = envs.Tabular([[outcomes]] * 3, [0.0, 0.0, 1.0])
    draws = np.zeros(1000, np.int32)
    assert set(step_all(env, draws, draws)[0]) == {1, 2}
    assert set(env.initial(reference.seeds(100)).index.numpy()) == {2}


def test_repr_does_not_show_the_table():
    assert repr(chain()) == "Tabular(id='Tabular', num_states=3, num_actions=2)"


@pytest.mark.parametrize(
    ("transitions", "initial", "message"),
    [
        (
            [[[(0.5, 0, 0.0, False)]]],
            [1.0],
            r"`transitions\[0\]\[0\]` must be at least 0 and add up to 1. "
            r"Received: \(0.5,\)",
        ),
        (
            [[[(2.0, 0, 0.0, False), (-1.0, 0, 0.0, False)]]],
            [1.0],
            r"Received: \(2.0, -1.0\)",
        ),
        (
            [[[(1.0, 1, 0.0, False)]]],
            [1.0],
            r"must be in \[0, 1\). Received: \(1.0, 1, 0.0, False\)",
        ),
        (
            [[[(1.0, 0, 0.0, False)]]],
            [0.5, 0.5],
            r"one entry per state. Received: 2 entries, 1 states",
        ),
        ([[[(1.0, 0, 0.0, False)]]], [0.5], r"`initial_distribution` .*0.5"),
        (
            [[[(1.0, 0, 0.0, False)]], []],
            [0.5, 0.5],
            r"same number of actions in each state. Received: \[0, 1\]",
        ),
        (
            {1: {0: [(1.0, 1, 0.0, False)]}},
            [1.0],
            r"must have the keys 0, 1, ... Received: keys \[1\]",
        ),
    ],
)
def test_a_wrong_table_is_refused(transitions, initial, message):
    with pytest.raises(ValueError, match=message):
        envs.Tabular(transitions, initial)


def test_an_environment_without_table_is_refused():
    with pytest.raises(ValueError, match="Blackjack-v1, which has no `P`"):
        envs.Tabular.from_gymnasium("Blackjack-v1")


def test_what_is_not_in_the_table_is_refused():
    with pytest.raises(ValueError, match="with fickle_passenger=True"):
        envs.make(TAXI, fickle_passenger=True)


def test_unknown_parameters_are_refused():
    with pytest.raises(
        ValueError,
        match=r"Parameters of FrozenLake-v1 must be among: desc, is_slippery, "
        r"map_name.*Received: slippery=False",
    ):
        envs.make("FrozenLake-v1", slippery=False)


def test_parameters_of_a_made_environment_are_refused():
    with pytest.raises(ValueError, match="must be given with an id"):
        toy_text.read(gymnasium.make("FrozenLake-v1"), {"is_slippery": False})


def test_an_id_that_gymnasium_does_not_have_is_refused():
    missing = {"Taxi-v3", "Taxi-v4"} - set(gymnasium.registry)
    for name in missing:
        with pytest.raises(ValueError, match=f"Received: id='{name}'"):
            envs.make(name)
    with pytest.raises(ValueError, match="Received: id='Ice-v1'"):
        envs.Tabular.from_gymnasium("Ice-v1")


def test_seeds_of_the_agent_play_taxi():
    key = prng.make_key(0, prng.TRAINING_RESETS, 3)
    seeds = prng.threefry2x32(
        key, (np.arange(4, dtype=np.uint32), np.uint32(0))
    )
    state, observations = envs.make(TAXI).reset(seeds)
    np.testing.assert_array_equal(observations, state.index)
