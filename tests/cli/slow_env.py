"""An environment of 20 ms a step, which says when it has played for a while."""

import os
import sys
import time

import gymnasium

ENV = "ToySlow-v0"
# The variable that makes it slow, and the line it prints after so many steps.
SLOW, STEPS, SAYS = "TOY_SLOW", 40, "playing"


class Slow(gymnasium.Env):
    """Episodes of 5 steps; the return is the number of actions that are 1."""

    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (2,))
    action_space = gymnasium.spaces.Discrete(2)
    played = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._steps = 0
        return self.observation_space.low, {}

    def step(self, action):
        if os.environ.get(SLOW):
            time.sleep(0.02)
            Slow.played += 1
            if Slow.played == STEPS:
                sys.stdout.write(f"{SAYS}\n")
                sys.stdout.flush()
        self._steps += 1
        return self.observation_space.high, float(action), False, False, {}


gymnasium.register(ENV, Slow, max_episode_steps=5)
