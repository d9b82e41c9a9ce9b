import functools
import multiprocessing
import re
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import (
    AutoresetMode,
    SyncVectorEnv,
    VectorWrapper,
)

from keras_cem import spaces
from keras_cem.adapters import gymnasium as adapter
from keras_cem.adapters import workers
from keras_cem.engines.host.sub_env_slots import SubEnvSlots
from keras_cem.engines.host.vector_slots import VectorSlots
from keras_cem.engines.playing import Options
from tests import processes, toy_envs

# Where a worker fails, gymnasium tells it by a warning, with the traceback.
ignores_worker_reports = pytest.mark.filterwarnings(
    r"ignore:.*(from Worker-\d|Traceback|back to the main process)"
)


@pytest.fixture
def opened():
    """Opens sources; closes them when the test is over."""
    sources = []

    def open_source(env, batch_size=5, **options):
        source = adapter.open_source(env, Options(batch_size, **options))
        sources.append(source)
        return source

    toy_envs.Tracked.open_envs.clear()
    with processes.none_left():
        yield open_source
        for source in sources:
            source.close()


def act(observations, counter):
    size = counter.shape[1]
    return [np.ones(size, np.int64)], np.ones(size, bool)


@pytest.mark.parametrize(
    ("env", "accepted"),
    [
        ("CartPole-v1", True),
        (toy_envs.Scripted(), True),
        (toy_envs.EchoVectorEnv(), True),
        (toy_envs.Scripted, True),
        (7, False),
        (np.zeros(2), False),
        (None, False),
    ],
)
def test_accepts(env, accepted):
    assert adapter.accepts(env, Options(1)) is accepted


@pytest.mark.parametrize(
    ("batch_size", "num_envs", "expected"),
    [(5, None, 5), (1, None, 1), (300, None, 256), (5, 2, 2), (5, 7, 7)],
)
def test_number_of_sub_environments(opened, batch_size, num_envs, expected):
    source = opened("ToyTracked-v0", batch_size, num_envs=num_envs)
    assert isinstance(source.slots, SubEnvSlots)
    assert source.slots.num_envs == expected
    assert len(toy_envs.Tracked.open_envs) == expected
    source.close()
    assert not toy_envs.Tracked.open_envs


def test_source_describes_the_environment(opened):
    source = opened("ToyScripted-v0")
    assert source.name == "ToyScripted-v0"
    assert source.observation_space == spaces.Box(-10, 10, (2,), "float32")
    assert source.action_space == spaces.Discrete(5)
    assert source.max_episode_steps == 3


@pytest.mark.parametrize(
    ("env", "options", "limit"),
    [
        ("ToySeeded-v0", {}, 10),
        ("ToySeeded-v0", {"max_episode_steps": 4}, 4),
        ("ToySeeded-v0", {"max_episode_steps": 40}, 10),
        ("ToyEndless-v0", {"max_episode_steps": 4}, 4),
        (gymnasium.make("ToySeeded-v0"), {}, 10),
        (toy_envs.limited(toy_envs.Seeded, 6)(), {}, 6),
        (toy_envs.limited(toy_envs.Seeded, 6), {}, 6),
        (toy_envs.limited(toy_envs.Seeded, 6), {"max_episode_steps": 7}, 6),
        (
            gymnasium.wrappers.RecordEpisodeStatistics(
                toy_envs.limited(toy_envs.Seeded, 6)()
            ),
            {},
            6,
        ),
        (SyncVectorEnv([toy_envs.limited(toy_envs.Seeded, 6)] * 2), {}, 6),
        (
            VectorWrapper(
                SyncVectorEnv([toy_envs.limited(toy_envs.Seeded, 6)] * 2)
            ),
            {},
            6,
        ),
        (
            gymnasium.make_vec("ToySeeded-v0", 2, vectorization_mode="sync"),
            {},
            10,
        ),
        (gymnasium.make_vec("CartPole-v1", 2), {}, 500),
        (toy_envs.EchoVectorEnv(), {"max_episode_steps": 1}, 1),
    ],
)
def test_limit_is_the_smallest_known(opened, env, options, limit):
    assert opened(env, **options).max_episode_steps == limit


class HoldsSimulator(toy_envs.Seeded):
    """Keeps a foreign object as `env`, which is no wrapped environment."""

    def __init__(self):
        self.env = object()


@pytest.mark.parametrize(
    ("env", "mode", "name"),
    [
        ("ToyEndless-v0", None, "env=ToyEndless-v0."),
        ("ToyEndless-v0", "async", "env=ToyEndless-v0."),
        (toy_envs.Seeded, None, "env=<class 'tests.toy_envs.Seeded'>."),
        (toy_envs.Seeded, "async", "env=<class 'tests.toy_envs.Seeded'>."),
        (toy_envs.Seeded(), None, "env=<tests.toy_envs.Seeded object"),
        (
            HoldsSimulator(),
            None,
            "env=<tests.adapters.gymnasium_test.HoldsSimul",
        ),
        (toy_envs.EchoVectorEnv(), None, "env=EchoVectorEnv(num_envs=3)."),
        (
            SyncVectorEnv([toy_envs.Seeded] * 2),
            None,
            "env=SyncVectorEnv(num_envs=2).",
        ),
    ],
)
def test_limit_that_nobody_knows_is_asked_for(opened, env, mode, name):
    expected = (
        "`max_episode_steps` must be given for an environment without its own "
        f"step limit. Received: max_episode_steps=None, {name}"
    )
    with pytest.raises(ValueError, match=re.escape(expected)):
        opened(env, vectorization_mode=mode)


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_which_vector_envs_are_stepped_how(opened, mode):
    make = functools.partial(toy_envs.vectorized, toy_envs.Scripted, 2)
    options = {"max_episode_steps": 3}
    assert type(opened(make()(mode), **options).slots) is SubEnvSlots
    wrapped = opened(make(VectorWrapper)(mode), **options).slots
    assert type(wrapped) is VectorSlots
    assert wrapped.partial_reset
    other = opened(toy_envs.ScriptedVectorEnv(mode), **options).slots
    assert type(other) is VectorSlots
    assert not other.partial_reset


@pytest.mark.parametrize(
    "env_id", ["NoSuchEnv-v0", "CartPole-v99", "not an id", "NoSuchEnv"]
)
@pytest.mark.parametrize("mode", [None, "async", "vector_entry_point"])
def test_unknown_id(opened, env_id, mode):
    with pytest.raises(ValueError, match=re.escape(f"env={env_id!r}. ")):
        opened(env_id, vectorization_mode=mode)


@pytest.mark.parametrize("mode", [None, "async"])
def test_callable_that_makes_no_environment(opened, mode):
    def make():
        return {"observation": 0}

    with pytest.raises(
        TypeError,
        match=r"`env` must be a gymnasium id.*Received: env=<function .*make.*"
        r"which returned {'observation': 0} of type dict",
    ):
        opened(make, vectorization_mode=mode)


@pytest.mark.parametrize("mode", [None, "async"])
def test_callable_that_raises_is_not_hidden(opened, mode):
    def make():
        toy_envs.raise_fault()

    with pytest.raises(toy_envs.MotorError, match="the motor is off"):
        opened(make, vectorization_mode=mode)


def test_callable_that_makes_one_environment_again_and_again(opened):
    env = toy_envs.Seeded()
    with pytest.raises(
        ValueError,
        match=r"must be a callable that returns a.*returned <.*Seeded.*> twice",
    ):
        opened(lambda: env, max_episode_steps=3)
    # It may where one is all that is wanted.
    opened(lambda: env, num_envs=1, max_episode_steps=3)


def test_callable_that_makes_a_vector_env(opened):
    source = opened(
        lambda: toy_envs.ScriptedVectorEnv(AutoresetMode.NEXT_STEP),
        max_episode_steps=3,
    )
    assert source.slots.num_envs == 3
    for option in ({"num_envs": 2}, {"vectorization_mode": "async"}):
        ((name, value),) = option.items()
        with pytest.raises(
            ValueError,
            match=re.escape(f"Received: {name}={value!r}, env=ScriptedVector"),
        ):
            opened(
                lambda: toy_envs.ScriptedVectorEnv(AutoresetMode.NEXT_STEP),
                max_episode_steps=3,
                **option,
            )


@pytest.mark.parametrize(
    ("env", "what"),
    [
        (toy_envs.Scripted(), "a single `gymnasium.Env`"),
        (toy_envs.EchoVectorEnv(), "a `gymnasium.vector.VectorEnv`"),
    ],
)
@pytest.mark.parametrize(
    ("option", "value"), [("num_envs", 4), ("vectorization_mode", "sync")]
)
def test_options_that_come_too_late(opened, env, what, option, value):
    expected = (
        f"`{option}` must be None for {what}, because it already exists. "
        f"Received: {option}={value!r}, env="
    )
    with pytest.raises(ValueError, match=re.escape(expected)):
        opened(env, **{option: value})


class Pair(toy_envs.Tracked):
    """Has a space that is not supported."""

    observation_space = gymnasium.spaces.Text(5)


@pytest.mark.parametrize("mode", [None, "async"])
def test_space_that_is_not_supported(opened, mode):
    with pytest.raises(
        ValueError,
        match=r"`observation_space` must be one of .*Box.*Discrete.*"
        r"Received: observation_space=Text",
    ):
        opened(Pair, vectorization_mode=mode, max_episode_steps=3)
    assert not toy_envs.Tracked.open_envs


def test_nothing_stays_open_where_opening_fails(opened):
    with pytest.raises(ValueError, match="max_episode_steps=None"):
        opened(toy_envs.Tracked)
    made = []

    def make_three():
        if len(made) == 3:
            toy_envs.raise_fault()
        made.append(toy_envs.Tracked())
        return made[-1]

    with pytest.raises(toy_envs.MotorError):
        opened(make_three, max_episode_steps=9)
    assert len(made) == 3
    assert not toy_envs.Tracked.open_envs


def test_entry_point(opened):
    source = opened("CartPole-v1", 3, vectorization_mode="vector_entry_point")
    assert type(source.slots) is VectorSlots
    assert source.slots.num_envs == 3
    played = source.collect(act, [1, 2, 3])
    # Pushed to one side, the pole falls within some ten steps.
    assert (played.lengths > 7).all()
    assert (played.lengths < 12).all()
    assert played.terminated.all()
    np.testing.assert_array_equal(played.returns, played.lengths)


def test_entry_point_that_does_not_exist(opened):
    with pytest.raises(
        ValueError,
        match=r"must be registered with a vector entry point.*"
        r"Received: env='ToySeeded-v0'",
    ):
        opened("ToySeeded-v0", vectorization_mode="vector_entry_point")


def test_entry_point_of_what_is_no_id(opened):
    with pytest.raises(
        ValueError,
        match=r"must be 'sync' or 'async' unless the environment is given by "
        "its id. Received: vectorization_mode='vector_entry_point', env=<cla",
    ):
        opened(toy_envs.Seeded, vectorization_mode="vector_entry_point")


@pytest.fixture(scope="module")
def two_workers():
    source = adapter.open_source(
        "ToySeeded-v0",
        Options(5, num_envs=2, vectorization_mode="async"),
    )
    yield source
    source.close()


def test_async_runs_processes_that_are_not_forked(two_workers):
    children = two_workers.slots._env.processes
    assert set(children) <= set(multiprocessing.active_children())
    assert len(children) == 2
    assert {type(child).__name__ for child in children} <= {
        "ForkServerProcess",
        "SpawnProcess",
    }


def test_async_plays_what_sync_plays(two_workers):
    sync = adapter.open_source("ToySeeded-v0", Options(5))
    seeds = [11, 12, 13, 14, 15]
    expected = sync.collect(act, seeds)
    assert len(set(expected.lengths.tolist())) > 1
    for _ in range(2):
        played = two_workers.collect(act, seeds)
        for name in ("mask", "terminated"):
            np.testing.assert_array_equal(
                getattr(played, name), getattr(expected, name)
            )
        for name in ("observations", "actions", "rewards"):
            np.testing.assert_array_equal(
                getattr(played, name)[expected.mask],
                getattr(expected, name)[expected.mask],
            )


def test_worker_does_not_import_tensorflow(two_workers):
    assert two_workers.slots._env.call("imports", "gymnasium") == (True, True)
    assert two_workers.slots._env.call("imports", "tensorflow") == (
        False,
        False,
    )


def test_async_follows_ids_that_are_registered_here_alone(opened):
    name = "OnlyHere-v0"
    gymnasium.register(name, entry_point=toy_envs.Seeded, max_episode_steps=4)
    source = opened(name, num_envs=1, vectorization_mode="async")
    assert source.max_episode_steps == 4
    assert (source.collect(act, [1, 2]).lengths <= 4).all()


@ignores_worker_reports
@pytest.mark.parametrize(
    ("fault", "kind", "text"),
    [
        (toy_envs.raise_fault, toy_envs.MotorError, "the motor is off"),
        (
            toy_envs.raise_fault_of_two,
            RuntimeError,
            "CodedError: 7: the motor is off",
        ),
        (
            toy_envs.raise_local_fault,
            RuntimeError,
            "LocalError: the motor is off",
        ),
    ],
)
@pytest.mark.parametrize("call", ["reset", "step"])
def test_async_exception_is_the_cause(opened, call, fault, kind, text):
    source = opened(
        functools.partial(toy_envs.Failing, fault, call),
        num_envs=1,
        vectorization_mode="async",
        max_episode_steps=3,
        max_env_restarts=0,
    )
    with pytest.raises(
        RuntimeError,
        match=re.escape(f"`{call}` of the environment raised"),
    ) as error:
        source.collect(act, [1, 2, 3])
    step = 0 if call == "reset" else 1
    assert f"sub-environment 0, trajectory 0, step {step}." in str(error.value)
    assert type(error.value.__cause__) is kind
    assert str(error.value.__cause__) == text


def test_async_process_that_dies(opened):
    source = opened(
        functools.partial(toy_envs.Failing, toy_envs.end_process, "step"),
        num_envs=2,
        vectorization_mode="async",
        max_episode_steps=3,
        max_env_restarts=0,
    )
    with pytest.raises(
        RuntimeError,
        match=r"`step` of the environment raised ProcessError: its process "
        r"ended, exit code 3\. .*sub-environment [01], trajectory [01], step 1",
    ) as error:
        source.collect(act, [1, 2, 3])
    assert isinstance(error.value.__cause__, workers.ProcessError)


@ignores_worker_reports
def test_async_environment_that_fails_in_the_process_alone(opened):
    source = opened(
        toy_envs.fail_in_worker,
        num_envs=2,
        vectorization_mode="async",
        max_episode_steps=3,
        max_env_restarts=0,
    )
    with pytest.raises(
        RuntimeError,
        match=r"`reset` of the environment raised RuntimeError: it could not "
        r"be created in its process: MotorError: no display here\. Environment "
        r".*sub-environment 0, trajectory 0, step 0\.",
    ):
        source.collect(act, [1, 2, 3])


@pytest.mark.parametrize(
    ("options", "received"),
    [
        ({"step_timeout": 1.0}, "step_timeout=1.0, vectorization_mode=None"),
        (
            {"step_timeout": 1.0, "vectorization_mode": "sync"},
            "step_timeout=1.0, vectorization_mode='sync'",
        ),
    ],
)
def test_timeout_without_processes(opened, options, received):
    with pytest.raises(
        ValueError,
        match="`step_timeout` must be None unless vectorization_mode='async'.*"
        f"Received: {received}",
    ):
        opened("ToySeeded-v0", **options)


@pytest.mark.parametrize(
    "make", [toy_envs.Scripted, toy_envs.EchoVectorEnv], ids=["env", "vector"]
)
def test_ready_made_cannot_be_made_anew(opened, make):
    with pytest.raises(
        ValueError,
        match=r"`max_env_restarts` must be None for .*already exists\. "
        "Received: max_env_restarts=2",
    ):
        opened(make(), max_env_restarts=2, max_episode_steps=3)
    source = opened(make(), max_env_restarts=0, max_episode_steps=3)
    assert source.max_env_restarts == 0


def test_ids_and_callables_are_made_anew_three_times(opened):
    assert opened("ToyScripted-v0").max_env_restarts == 3
    source = opened(toy_envs.EchoVectorEnv, max_episode_steps=1)
    assert source.max_env_restarts == 3


@pytest.mark.parametrize(
    ("env_id", "module", "extra"),
    [
        ("LunarLander-v3", "Box2D", "box2d"),
        ("InvertedPendulum-v5", "mujoco", "mujoco"),
    ],
)
def test_missing_package_of_an_environment_names_the_extra(
    env_id, module, extra, monkeypatch
):
    package = f"gymnasium.envs.{extra}"
    for name in [name for name in sys.modules if name.startswith(package)]:
        monkeypatch.delitem(sys.modules, name)
    # As if it were not installed.
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=f"{env_id} needs") as error:
        adapter.open_source(env_id, Options(1))
    assert f"pip install 'keras-cem[{extra}]'" in str(error.value)


@pytest.mark.parametrize("mode", ["sync", "async", "vector_entry_point"])
@pytest.mark.parametrize(
    ("batch_size", "num_envs"), [(10**12, None), (10**12, 10**12)]
)
def test_batch_that_no_machine_holds_is_refused_before_it_is_made(
    opened, mode, batch_size, num_envs
):
    with pytest.raises(
        ValueError,
        match=r"must fit in memory\. Received: batch_size=1000000000000, "
        "max_episode_steps=500, environment CartPole-v1",
    ):
        opened(
            "CartPole-v1",
            batch_size,
            num_envs=num_envs,
            vectorization_mode=mode,
        )
