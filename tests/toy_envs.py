"""Environments whose episodes can be written out by hand.

Worker processes import this module, so it imports neither TensorFlow nor the
package.
"""

import copy
import functools
import itertools
import multiprocessing
import os
import pathlib
import signal
import sys
import time
from typing import ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv


class Scripted(gymnasium.Env):
    """Plays the episode that its reset seed spells out: 10 * length + label.

    The observation before step t is `(label, t)`, the reward of step t is
    `100 * label + 10 * t + action`. An episode with an odd label is truncated,
    another terminated. An episode without a seed has the label -1, so that
    one sees where it becomes data.
    """

    observation_space = spaces.Box(-10.0, 10.0, (2,), np.float32)
    action_space = spaces.Discrete(5)

    def __init__(self):
        self._left = None

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._length, self._label = (
            (2, -1) if seed is None else divmod(seed, 10)
        )
        self._left = self._length
        return self._observation(), {}

    def step(self, action):
        if not self._left:
            raise AssertionError("stepped without an episode")
        step = self._length - self._left
        self._left -= 1
        over, odd = self._left == 0, self._label % 2 == 1
        reward = 100 * self._label + 10 * step + int(action)
        return self._observation(), reward, over and not odd, over and odd, {}

    def _observation(self):
        step = self._length - self._left
        return np.array([self._label, step], np.float32)


class ScriptedVectorEnv(VectorEnv):
    """Scripted episodes of 2, 3 and 3 steps, for ever, in one of three modes.

    Written without gymnasium's own vector environments: it is reset as a
    whole, by one seed, the label of the first; the others count up from it.
    """

    lengths = (2, 3, 3)
    single_observation_space = Scripted.observation_space
    single_action_space = Scripted.action_space

    def __init__(self, mode):
        self.num_envs = len(self.lengths)
        self.metadata = {"autoreset_mode": mode}
        self._mode = mode
        self._envs = [Scripted() for _ in self.lengths]
        self._over = np.zeros(self.num_envs, bool)
        self.observations = np.zeros((self.num_envs, 2), np.float32)

    def reset(self, *, seed=None, options=None):
        where = np.ones(self.num_envs, bool)
        if options is not None:
            where = options["reset_mask"]
        for i in np.flatnonzero(where).tolist():
            script = None if seed is None else 10 * self.lengths[i] + seed + i
            self.observations[i], _ = self._envs[i].reset(seed=script)
        self._over[where] = False
        return self.observations, {}

    def step(self, actions):
        rewards = np.zeros(self.num_envs)
        ended = np.zeros((2, self.num_envs), bool)
        for i, env in enumerate(self._envs):
            if self._over[i] and self._mode is AutoresetMode.NEXT_STEP:
                self.observations[i], _ = env.reset()
                continue
            self.observations[i], rewards[i], *ended[:, i], _ = env.step(
                actions[i]
            )
            if ended[:, i].any() and self._mode is AutoresetMode.SAME_STEP:
                self.observations[i], _ = env.reset()
        self._over = ended.any(axis=0)
        # The same array each time: who keeps it, keeps the last one.
        return self.observations, rewards, *ended, {}


class Seeded(gymnasium.Env):
    """Episodes whose course, length and end are drawn by the reset seed.

    At most 10 steps of a random walk; 1 in 4 steps is the last. An action of
    more than 0 adds to the walk and to the reward.
    """

    observation_space = spaces.Box(-100.0, 100.0, (2,), np.float32)
    action_space = spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._steps = 0
        self._walk = self.np_random.normal(size=2).astype(np.float32)
        return self._walk.copy(), {}

    def step(self, action):
        self._steps += 1
        self._walk += self.np_random.normal(size=2) + 0.1 * action
        reward = float(self._walk.sum()) + action
        terminated = bool(self.np_random.uniform() < 0.25)
        truncated = self._steps == 10
        return self._walk.copy(), reward, terminated, truncated, {}

    def imports(self, name):
        """Whether the process that plays has imported a module."""
        return name in sys.modules


class Gamble(gymnasium.Env):
    """One step worth nothing, or with probability 1/4 nine steps worth 1 each.

    The mean length is 3/4 * 1 + 1/4 * 9 = 3, the mean return 1/4 * 9 = 2.25.
    """

    observation_space = spaces.Box(0.0, 1.0, (1,), np.float32)
    action_space = spaces.Discrete(2)
    mean_length = 3.0
    mean_return = 2.25
    # Of one episode: E[x^2] - E[x]^2.
    length_variance = 0.75 * 1 + 0.25 * 81 - 9.0
    return_variance = 0.25 * 81 - 2.25**2

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._won = self.np_random.uniform() < 0.25
        self._left = 9 if self._won else 1
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self._left -= 1
        reward = 1.0 if self._won else 0.0
        return np.zeros(1, np.float32), reward, self._left == 0, False, {}


class Echo(gymnasium.Env):
    """One step, whose reward is the action."""

    observation_space = spaces.Box(0.0, 1.0, (1,), np.float32)
    action_space = spaces.Box(0.0, 1000.0, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(1, np.float32), {}

    def step(self, action):
        return np.zeros(1, np.float32), float(action[0]), True, False, {}


class EchoVectorEnv(VectorEnv):
    """Three times `Echo`, without gymnasium's own vector environments."""

    num_envs = 3
    single_observation_space = Echo.observation_space
    single_action_space = Echo.action_space

    def reset(self, *, seed=None, options=None):
        return np.zeros((3, 1), np.float32), {}

    def step(self, actions):
        over = np.ones(3, bool)
        return np.zeros((3, 1), np.float32), actions[:, 0], over, ~over, {}


class Identity(gymnasium.Env):
    """Reward 1 for the action that equals the observation; 8 steps."""

    steps = 8

    def __init__(self, n=3, start=0):
        self.observation_space = spaces.Discrete(n, start=start)
        self.action_space = spaces.Discrete(n, start=start)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._left = self.steps
        return self._draw(), {}

    def step(self, action):
        reward = float(action == self._target)
        self._left -= 1
        return self._draw(), reward, False, self._left == 0, {}

    def _draw(self):
        space = self.observation_space
        self._target = space.start + self.np_random.integers(space.n)
        return self._target


class BoxIdentity(gymnasium.Env):
    """Reward 1 less the distance to the observation in half-widths; 4 steps.

    The distance is the mean over the dimensions.
    """

    steps = 4

    def __init__(self, low, high, dtype):
        self.observation_space = spaces.Box(-1.0, 1.0, (len(low),), dtype)
        self.action_space = spaces.Box(
            np.array(low, dtype), np.array(high, dtype), dtype=dtype
        )

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._left = self.steps
        return self._draw(), {}

    def step(self, action):
        if not self.action_space.contains(action):
            raise AssertionError(f"{action!r} is not in {self.action_space}")
        low, high = self.action_space.low, self.action_space.high
        unit = (action - (low + high) / 2) / ((high - low) / 2)
        reward = 1.0 - float(np.abs(unit - self._target).mean())
        self._left -= 1
        return self._draw(), reward, False, self._left == 0, {}

    def _draw(self):
        self._target = self.np_random.uniform(
            -1.0, 1.0, self.observation_space.shape
        ).astype(self.observation_space.dtype)
        return self._target


class Mirror(gymnasium.Env):
    """Reward is how much of the action equals the observation; 4 steps.

    Observations and actions are of one space, which may be nested.
    """

    steps = 4

    def __init__(self, space):
        # A copy, for each environment draws numbers of its own.
        self.observation_space = self.action_space = copy.deepcopy(space)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        self._left = self.steps
        return self._draw(), {}

    def step(self, action):
        if not self.action_space.contains(action):
            raise AssertionError(f"{action!r} is not in {self.action_space}")
        reward = agreement(self.action_space, action, self._target)
        self._left -= 1
        return self._draw(), reward, False, self._left == 0, {}

    def _draw(self):
        self._target = self.observation_space.sample()
        return self._target


def agreement(space, first, second):
    """How alike two values are: 1 if equal, the mean over the parts."""
    if isinstance(space, spaces.Dict):
        steps = list(space)
    elif isinstance(space, spaces.Tuple):
        steps = range(len(space))
    elif isinstance(space, spaces.Box):
        apart = np.abs(first - second) / (space.high - space.low)
        return 1.0 - float(np.mean(apart))
    else:
        return float(np.mean(np.equal(first, second)))
    parts = [agreement(space[i], first[i], second[i]) for i in steps]
    return float(np.mean(parts))


class Quadrant(gymnasium.Env):
    """Reward 1 for the action that says which quarter of an image is lit."""

    steps = 4
    action_space = spaces.Discrete(4)

    def __init__(self, size=8, channels=3):
        self.observation_space = spaces.Box(
            0, 255, (size, size, channels), np.uint8
        )

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._left = self.steps
        return self._draw(), {}

    def step(self, action):
        reward = float(action == self._target)
        self._left -= 1
        return self._draw(), reward, False, self._left == 0, {}

    def _draw(self):
        self._target = self.np_random.integers(4)
        image = np.zeros(self.observation_space.shape, np.uint8)
        half = len(image) // 2
        row, column = divmod(int(self._target), 2)
        image[row * half :, column * half :][:half, :half] = 255
        return image


class Failing(gymnasium.Env):
    """Three steps an episode; something goes wrong in one of the episodes.

    Args:
        fault: Called in place of what goes right. Takes no arguments; what it
            returns stands for the observation, or for the reward.
        call: `"reset"`, `"step"` or `"reward"`, where it is called.
        episode: In which episode since the environment was made, from 0.
        step: Before how many steps: 0 is the first. For `"step"`, `"reward"`.
    """

    observation_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
    action_space = spaces.Discrete(2)
    length = 3

    def __init__(self, fault, call="step", episode=0, step=1):
        self._fault = fault
        self._when = (call, episode, 0 if call == "reset" else step)
        self._episode = -1

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._episode += 1
        self._step = 0
        return self._perhaps("reset", np.zeros(2, np.float32)), {}

    def step(self, action):
        observation = self._perhaps("step", np.zeros(2, np.float32))
        reward = self._perhaps("reward", float(action))
        self._step += 1
        return observation, reward, self._step == self.length, False, {}

    def _perhaps(self, call, right):
        if (call, self._episode, self._step) == self._when:
            return self._fault()
        return right


class Spoilt(Seeded):
    """What it returns is not finite in one of four episodes, as seeds have it.

    Args:
        where: `"reset"`, `"observation"` or `"reward"`.
        value: What stands there.
    """

    def __init__(self, where, value):
        self._where = where
        self._value = value

    def reset(self, *, seed=None, options=None):
        observation, info = super().reset(seed=seed)
        spoilt = seed is not None and seed % 4 == 0
        self._at = seed // 4 % 3 if spoilt else None
        if spoilt and self._where == "reset":
            observation[1] = self._value
        return observation, info

    def step(self, action):
        observation, reward, _, truncated, info = result = super().step(action)
        if self._steps - 1 != self._at or self._where == "reset":
            return result
        if self._where == "reward":
            return observation, self._value, False, truncated, info
        observation[1] = self._value
        return observation, reward, False, truncated, info


class Flaky(Seeded):
    """Some of its episodes go wrong, once each, also in another process.

    What goes wrong first writes a file of its own, named after the seed of the
    episode, which then goes right for ever. So it is known which were hit.

    Args:
        folder: Where the files are.
        faults: Called by turns, as the seed has it.
        every: One in so many episodes goes wrong, as the seed has it.
        resets: Whether it does so in `reset`, rather than in one of the steps.
    """

    def __init__(self, folder, faults, every=4, resets=False):
        self._folder = pathlib.Path(folder)
        self._faults = faults
        self._every = every
        self._resets = resets

    def reset(self, *, seed=None, options=None):
        self._seed = seed
        result = super().reset(seed=seed)
        if self._resets:
            self._perhaps()
        return result

    def step(self, action):
        if not self._resets and self._steps == (self._seed or 0) // 8 % 3:
            self._perhaps()
        return super().step(action)

    def _perhaps(self):
        if self._seed is None or self._seed % self._every:
            return
        fault = self._faults[self._seed // self._every % len(self._faults)]
        try:
            file = self._folder / f"{fault.__name__}-{self._seed}"
            file.touch(exist_ok=False)
        except FileExistsError:
            return
        fault()


def hits(folder):
    """How often `Flaky` environments went wrong, by the name of the fault."""
    names = [file.name.rsplit("-", 1)[0] for file in folder.iterdir()]
    return {name: names.count(name) for name in sorted(set(names))}


class MotorError(Exception):
    """What a failing environment raises."""


class CodedError(Exception):
    """Cannot be made from a message alone, which pickling relies on."""

    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")


def raise_fault():
    raise MotorError("the motor is off")


def raise_fault_of_two():
    raise CodedError(7, "the motor is off")


def raise_local_fault():
    class LocalError(Exception):
        pass

    raise LocalError("the motor is off")


def end_process():
    os._exit(3)


def kill_process():
    os.kill(os.getpid(), signal.SIGKILL)


def hang():
    time.sleep(600)


def fail_in_worker():
    """Makes an environment, but not in a process started for it."""
    if multiprocessing.parent_process() is not None:
        raise MotorError("no display here")
    return Scripted()


class Parent(Seeded):
    """Starts a process of its own, when it is made or in each reset."""

    observation_space = Failing.observation_space
    action_space = Failing.action_space

    def __init__(self, when):
        self._when = when
        if when == "made":
            self._start()

    def reset(self, **kwargs):
        if self._when == "reset":
            self._start()
        return super().reset(**kwargs)

    def _start(self):
        # The probe in the process that plays may have children.
        if multiprocessing.parent_process() is not None:
            multiprocessing.Process(target=int).start()


class Balky(Scripted):
    """Hangs in `step`, deaf to SIGTERM, or in `close`, as its label has it."""

    def step(self, action):
        if self._label == 2:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            hang()
        return super().step(action)

    def close(self):
        if self._left is not None and self._label == 3:
            hang()


class Tracked(Seeded):
    """Knows how many of its kind were made and are open."""

    made = 0
    open_envs: ClassVar[set[int]] = set()
    _ids = itertools.count()

    def __init__(self):
        type(self).made += 1
        self._id = next(self._ids)
        self.open_envs.add(self._id)

    def close(self):
        self.open_envs.discard(self._id)


class FailingTracked(Tracked):
    """Fails in its second step."""

    def step(self, action):
        if self._steps == 1:
            raise_fault()
        return super().step(action)


def vectorized(make, num_envs, wrapper=None):
    """A function from an autoreset mode to a `SyncVectorEnv`."""

    def of(mode):
        env = gymnasium.vector.SyncVectorEnv(
            [make] * num_envs, autoreset_mode=mode
        )
        return env if wrapper is None else wrapper(env)

    return of


def limited(make, steps):
    """`make` with a `TimeLimit` around its environment, and no spec."""
    return functools.partial(_limited, make, steps)


def _limited(make, steps):
    return gymnasium.wrappers.TimeLimit(make(), steps)


for _class, _steps in (
    (Scripted, 3),
    (Seeded, 10),
    (Gamble, 9),
    (Echo, 1),
    (Identity, 8),
    (Quadrant, 4),
    (Tracked, 10),
    (FailingTracked, 10),
):
    gymnasium.register(
        f"Toy{_class.__name__}-v0",
        entry_point=f"{__name__}:{_class.__name__}",
        max_episode_steps=_steps,
    )
gymnasium.register("ToyEndless-v0", entry_point=f"{__name__}:Seeded")
