import gymnasium
import numpy as np
import pytest

from benchmarks import value_iteration

# State 0: action 0 gains 1 and stays; action 1 wins 10 at a half, else ends.
# State 1: only ends, with 4.
TABLE = {
    0: {
        0: [(1.0, 0, 1.0, False)],
        1: [(0.5, 1, 10.0, False), (0.5, 1, 0.0, True)],
    },
    1: {0: [(1.0, 1, 4.0, True)]},
}


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (0, [0.0, 0.0]),
        # 1 against 5.
        (1, [5.0, 4.0]),
        # 1 + 5 against 0.5 (10 + 4).
        (2, [7.0, 4.0]),
        # 1 + 7 against 7.
        (3, [8.0, 4.0]),
        (7, [12.0, 4.0]),
    ],
)
def test_values_are_the_best_mean_returns(steps, expected):
    np.testing.assert_allclose(value_iteration.values(TABLE, steps), expected)


@pytest.mark.parametrize(
    ("actions", "steps", "expected"),
    [([0, 0], 3, [3.0, 4.0]), ([1, 0], 3, [7.0, 4.0]), ([1, 0], 1, [5.0, 4.0])],
)
def test_value_of_a_policy_is_what_it_does(actions, steps, expected):
    found = value_iteration.of_policy(TABLE, np.array(actions), steps)
    np.testing.assert_allclose(found, expected)


def test_cliff_is_walked_round_in_thirteen_steps():
    table = value_iteration.table_of("CliffWalking-v1", 50)
    values = value_iteration.values(table.transitions, table.steps)
    assert values @ table.starts == -13
    # One step fewer than the way round takes is too few.
    fewer = value_iteration.values(table.transitions, 12)
    assert fewer @ table.starts == -12


def test_limit_is_the_environments_own_or_less():
    assert value_iteration.table_of("FrozenLake-v1").steps == 100
    assert value_iteration.table_of("FrozenLake-v1", 30).steps == 30


def test_mean_of_a_policy_is_what_it_gets_when_played():
    """Always down on the slippery lake, 4,000 times."""
    table = value_iteration.table_of("FrozenLake-v1")
    actions = np.ones(len(table.starts), int)
    values = value_iteration.of_policy(table.transitions, actions, table.steps)
    env, returns = gymnasium.make("FrozenLake-v1"), []
    env.reset(seed=0)
    for _ in range(4000):
        env.reset()
        total, over = 0.0, False
        while not over:
            _, reward, terminated, truncated, _ = env.step(1)
            total, over = total + reward, terminated or truncated
        returns.append(total)
    margin = 5 * np.std(returns) / np.sqrt(4000)
    assert abs(np.mean(returns) - values @ table.starts) < margin


def test_environment_without_a_table_is_refused():
    with pytest.raises(ValueError, match="table of transitions") as error:
        value_iteration.table_of("CartPole-v1")
    assert "Received: env_id='CartPole-v1'" in str(error.value)


def test_environment_without_a_limit_needs_steps():
    with pytest.raises(ValueError, match="`steps` must be given") as error:
        value_iteration.table_of("CliffWalking-v1")
    assert "steps=None, env_id='CliffWalking-v1'" in str(error.value)
