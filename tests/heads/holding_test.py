import numpy as np
import pytest
import tensorflow as tf

from keras_cem import prng
from keras_cem.heads.holding import Holding

# What the policy chooses; no random action is this.
POLICY = 99
LONGEST = 6


def play(
    epsilon,
    rows=20_000,
    steps=20,
    num_choices=(3,),
    longest=LONGEST,
    mode="compiled",
):
    """Choices of `rows` trajectories, `(steps, rows, components)`."""
    holding = Holding(longest, num_choices)

    def explore(step, state):
        trajectory = tf.cast(tf.range(rows), tf.uint32)
        counter = (trajectory, tf.fill([rows], tf.cast(step, tf.uint32)))
        choices = tf.fill([rows, len(num_choices)], POLICY)
        key = prng.make_key(3, prng.EXPLORATION)
        return holding.explore(
            choices, tf.constant(epsilon), key, counter, state
        )

    if mode != "eager":
        explore = tf.function(explore, jit_compile=mode == "compiled")
    state, played = holding.initial(rows), []
    for step in range(steps):
        choices, state = explore(tf.constant(step), state)
        played.append(choices.numpy())
    return np.array(played)


def within(share, expected, number):
    """Whether a share of `number` draws is within 5 standard errors."""
    return abs(share - expected) < 5 * np.sqrt(
        expected * (1 - expected) / number
    )


@pytest.mark.slow
@pytest.mark.parametrize("epsilon", [0.1, 0.5])
def test_epsilon_is_the_share_of_random_decisions(epsilon):
    played = play(epsilon)
    is_random = played[..., 0] != POLICY
    # The first step of an episode is a decision.
    assert within(is_random[0].mean(), epsilon, is_random[0].size)
    # And so is the one after a step of the policy.
    after_policy = is_random[1:][~is_random[:-1]]
    assert within(after_policy.mean(), epsilon, after_policy.size)


def test_durations_are_heavy_tailed():
    """P(d >= k) = 1/k up to the longest; a free step follows with epsilon 0.

    Those that started in the first step are looked at, with so small an
    epsilon that another one hardly follows at once.
    """
    epsilon = 0.02
    is_random = play(epsilon, rows=200_000)[..., 0] != POLICY
    started = is_random[:, is_random[0]]
    lengths = np.where(started.all(axis=0), 99, np.argmin(started, axis=0))
    assert lengths.size > 3000
    for least in range(1, LONGEST + 1):
        share = np.mean(lengths >= least)
        slack = 5 * np.sqrt(1 / (4 * lengths.size)) + 2 * epsilon
        assert abs(share - 1 / least) < slack
    # The longest are over after LONGEST steps, unless one followed.
    assert np.mean(lengths > LONGEST) < 2 * epsilon


def test_share_of_random_steps_follows_from_the_mean_duration():
    """epsilon m / (epsilon m + 1 - epsilon) with m = 1 + 1/2 + ... + 1/D."""
    epsilon = 0.3
    mean = sum(1 / k for k in range(1, LONGEST + 1))
    expected = epsilon * mean / (epsilon * mean + 1 - epsilon)
    share = np.mean(play(epsilon, rows=5000, steps=60)[30:] != POLICY)
    assert abs(share - expected) < 0.01


def test_random_actions_are_uniform_and_stay_while_held():
    played = play(1.0, num_choices=(4,))[..., 0]
    assert played.max() == 3
    for choice in range(4):
        assert within(np.mean(played[0] == choice), 1 / 4, played[0].size)
    # Held on with P(d >= 2) = 1/2, else drawn again: alike with 1/4.
    alike = np.mean(played[0] == played[1])
    assert within(alike, 1 / 2 + 1 / 2 * 1 / 4, played[0].size)


def test_components_hold_by_themselves():
    played = play(0.5, num_choices=(2, 5))
    first, second = (played != POLICY)[0].T
    assert within(np.mean(first & second), 0.25, first.size)
    assert played[..., 0][played[..., 0] != POLICY].max() == 1
    assert played[..., 1][played[..., 1] != POLICY].max() == 4


def test_longest_1_holds_nothing():
    played = play(1.0, longest=1, num_choices=(2,))[..., 0]
    assert within(np.mean(played[0] == played[1]), 1 / 2, played[0].size)


def test_epsilon_0_leaves_the_policy_alone():
    assert (play(0.0, rows=100) == POLICY).all()


def test_the_first_step_forgets_what_was_held():
    holding = Holding(LONGEST, [3])
    held = tf.fill([2, 1], 2), tf.fill([2, 1], 5)
    counter = (tf.zeros(2, tf.uint32), tf.constant([0, 1], tf.uint32))
    choices, (_, left) = holding.explore(
        tf.fill([2, 1], POLICY), 0.0, prng.make_key(0, 1), counter, held
    )
    assert choices.numpy().ravel().tolist() == [POLICY, 2]
    assert left.numpy().ravel().tolist() == [0, 4]


def test_eager_traced_and_compiled_agree():
    drawn = [
        play(0.5, rows=50, steps=6, mode=mode)
        for mode in ("eager", "traced", "compiled")
    ]
    for other in drawn[1:]:
        np.testing.assert_array_equal(other, drawn[0])


@pytest.mark.parametrize("longest", [0, -1, 2.5])
def test_longest_that_is_no_count_is_refused(longest):
    with pytest.raises(ValueError, match=f"Received: persistence={longest}"):
        Holding(longest, [3])


def test_longest_that_is_no_number_is_refused():
    with pytest.raises(TypeError, match="Received: persistence=None of type"):
        Holding(None, [3])
