import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, VectorWrapper

from keras_cem import spaces
from keras_cem.engines.host.gymnasium_results import InterfaceError
from keras_cem.engines.host.slots import SlotError
from keras_cem.engines.host.sub_env_slots import SubEnvSlots
from keras_cem.engines.host.vector_slots import VectorSlots
from tests import toy_envs

OBSERVATION_SPACE = spaces.get(toy_envs.Scripted.observation_space)
ACTION_SPACE = spaces.get(toy_envs.Scripted.action_space)
MODES = list(AutoresetMode)


class Recorder(VectorWrapper):
    """Keeps what the environment below is asked for."""

    def __init__(self, env):
        super().__init__(env)
        self.resets = []

    def reset(self, *, seed=None, options=None):
        mask = None if options is None else options["reset_mask"].tolist()
        self.resets.append((seed, mask))
        return self.env.reset(seed=seed, options=options)


def sub_env_slots(num_envs, owned=False):
    envs = [toy_envs.Scripted() for _ in range(num_envs)]
    return SubEnvSlots(envs, OBSERVATION_SPACE, ACTION_SPACE, owned)


def vector_slots(env, partial_reset=True, owned=False):
    return VectorSlots(
        env,
        OBSERVATION_SPACE,
        ACTION_SPACE,
        partial_reset=partial_reset,
        disabled_autoreset=(
            env.metadata["autoreset_mode"] is AutoresetMode.DISABLED
        ),
        owned=owned,
    )


def recorded(mode, num_envs=3):
    return toy_envs.vectorized(toy_envs.Scripted, num_envs, Recorder)(mode)


def test_sub_envs_step_only_the_slots_asked_for():
    slots = sub_env_slots(3)
    slots.begin()
    slots.reset([0, 2], [24, 35])
    np.testing.assert_array_equal(
        slots.observations.leaves[0], [[4, 0], [0, 0], [5, 0]]
    )
    # Slot 1 has no episode, and `Scripted` would refuse to step.
    actions = [np.array([1, 1, 2])]
    rewards, terminated, truncated = slots.step(np.array([0, 2]), actions)
    np.testing.assert_array_equal(rewards, [401, 502])
    rewards, terminated, truncated = slots.step(np.array([0]), actions)
    np.testing.assert_array_equal(rewards, [411])
    np.testing.assert_array_equal(terminated, [True])
    np.testing.assert_array_equal(truncated, [False])
    np.testing.assert_array_equal(
        slots.observations.leaves[0], [[4, 2], [0, 0], [5, 1]]
    )


def test_sub_envs_say_which_slot_failed():
    slots = sub_env_slots(2)
    slots.reset([0], [21])
    with pytest.raises(SlotError) as error:
        slots.step(np.array([0, 1]), [np.zeros(2, np.int64)])
    assert (error.value.call, error.value.slot) == ("step", 1)
    assert str(error.value.__cause__) == "stepped without an episode"


@pytest.mark.parametrize("owned", [True, False])
def test_close_closes_what_it_owns(owned):
    toy_envs.Tracked.open_envs.clear()
    envs = [toy_envs.Tracked() for _ in range(3)]
    SubEnvSlots(envs, OBSERVATION_SPACE, ACTION_SPACE, owned).close()
    assert len(toy_envs.Tracked.open_envs) == (0 if owned else 3)


@pytest.mark.parametrize("owned", [True, False])
def test_close_closes_vector_env_that_it_owns(owned):
    env = recorded(AutoresetMode.NEXT_STEP)
    vector_slots(env, owned=owned).close()
    assert env.unwrapped.closed == owned


@pytest.mark.parametrize("mode", MODES)
def test_vector_reset_is_of_the_slots_asked_for(mode):
    env = recorded(mode)
    slots = vector_slots(env)
    slots.begin()
    slots.reset([0, 1], [21, 32])
    slots.reset([1], [33])
    assert env.resets == [
        ([21, 32, None], None),
        ([None, 33, None], [False, True, False]),
    ]
    np.testing.assert_array_equal(
        slots.observations.leaves[0], [[1, 0], [3, 0], [-1, 0]]
    )


@pytest.mark.parametrize("mode", MODES)
def test_vector_reset_after_begin_is_of_all_slots(mode):
    env = recorded(mode)
    slots = vector_slots(env)
    for _ in range(2):
        slots.begin()
        slots.reset([0, 1, 2], [21, 32, 33])
    assert env.resets == 2 * [([21, 32, 33], None)]


def test_vector_without_partial_reset_gets_one_seed():
    env = toy_envs.ScriptedVectorEnv(AutoresetMode.NEXT_STEP)
    slots = vector_slots(env, partial_reset=False)
    slots.begin()
    slots.reset([0, 1, 2], [4, 8, 9])
    np.testing.assert_array_equal(
        slots.observations.leaves[0], [[4, 0], [5, 0], [6, 0]]
    )


def test_disabled_autoreset_resets_idle_slots_before_stepping_on():
    env = recorded(AutoresetMode.DISABLED)
    slots = vector_slots(env)
    slots.begin()
    slots.reset([0, 1, 2], [21, 32, 33])
    actions = [np.zeros(3, np.int64)]
    slots.step(np.array([0, 1, 2]), actions)
    slots.step(np.array([0, 1, 2]), actions)  # slot 0 ends
    rewards, *_ = slots.step(np.array([1, 2]), actions)
    np.testing.assert_array_equal(rewards, [220, 320])
    assert env.resets[1:] == [(None, [True, False, False])]


def test_disabled_autoreset_leaves_slots_alone_that_were_restarted():
    env = recorded(AutoresetMode.DISABLED)
    slots = vector_slots(env)
    slots.begin()
    slots.reset([0, 1, 2], [21, 32, 33])
    actions = [np.zeros(3, np.int64)]
    slots.step(np.array([0, 1, 2]), actions)
    slots.step(np.array([0, 1, 2]), actions)
    slots.reset([0], [24])
    rewards, *_ = slots.step(np.array([0, 1, 2]), actions)
    np.testing.assert_array_equal(rewards, [400, 220, 320])
    assert env.resets[1:] == [([24, None, None], [True, False, False])]


@pytest.mark.parametrize("call", ["reset", "step"])
def test_vector_env_that_fails(call):
    env = toy_envs.vectorized(
        lambda: toy_envs.Failing(toy_envs.raise_fault, call, step=0), 2
    )(AutoresetMode.NEXT_STEP)
    slots = VectorSlots(
        env,
        OBSERVATION_SPACE,
        spaces.get(env.single_action_space),
        partial_reset=True,
        disabled_autoreset=False,
        owned=False,
    )

    def play():
        slots.reset([0, 1], [1, 2])
        slots.step(np.array([0, 1]), [np.zeros(2, np.int64)])

    with pytest.raises(SlotError) as error:
        play()
    assert (error.value.call, error.value.slot) == (call, None)
    assert type(error.value.__cause__) is toy_envs.MotorError


class Returning(VectorWrapper):
    """Returns other values of `step` than the environment below."""

    def __init__(self, env, change):
        super().__init__(env)
        self._change = change

    def step(self, actions):
        names = ("observations", "rewards", "terminated", "truncated", "info")
        result = dict(zip(names, self.env.step(actions), strict=True))
        for name, change in self._change.items():
            result[name] = change(result[name])
        return tuple(result.values())


def step_of(change):
    env = toy_envs.ScriptedVectorEnv(AutoresetMode.NEXT_STEP)
    slots = vector_slots(Returning(env, change), partial_reset=False)
    slots.begin()
    slots.reset([0, 1, 2], [1, 1, 1])
    return slots.step(np.arange(3), [np.zeros(3, np.int64)])


@pytest.mark.parametrize("name", ["rewards", "terminated", "truncated"])
@pytest.mark.parametrize(
    "change",
    [
        # Against the three flags of the slots, this would make nine.
        lambda values: values[:, None],
        lambda values: values[None],
        lambda values: values[:2],
        lambda values: values[0],
        lambda values: values.astype(str),
        lambda values: values.astype(complex),
    ],
    ids=["column", "row", "too few", "scalar", "text", "complex"],
)
def test_what_a_vector_environment_returns_is_never_broadcast(name, change):
    with pytest.raises(SlotError) as error:
        step_of({name: change})
    cause = error.value.__cause__
    assert isinstance(cause, InterfaceError)
    assert f"`{name}` of `step` must be" in str(cause)
    assert "of shape (3,). Received: shape=" in str(cause)


def test_numbers_of_a_vector_environment_may_be_of_any_kind():
    rewards, terminated, truncated = step_of(
        {
            "rewards": lambda values: values.astype(np.int16).tolist(),
            "terminated": lambda values: values.astype(int),
        }
    )
    np.testing.assert_array_equal(rewards, [100, 200, 300])
    assert rewards.dtype == np.float32
    assert terminated.dtype == truncated.dtype == bool


def test_result_of_a_vector_environment_that_is_no_step():
    slots = vector_slots(recorded(AutoresetMode.NEXT_STEP))
    slots.begin()
    slots.reset([0, 1, 2], [21, 22, 23])
    slots._env.step = lambda actions: (0, 0, True, {})
    with pytest.raises(SlotError) as error:
        slots.step(np.arange(3), [np.zeros(3, np.int64)])
    assert "Received: 4 values." in str(error.value.__cause__)
    slots._env.reset = lambda **kwargs: np.zeros((3, 2), np.float32)
    with pytest.raises(SlotError) as error:
        slots.reset([0, 1, 2], [21, 22, 23])
    assert "`reset` must return" in str(error.value.__cause__)
