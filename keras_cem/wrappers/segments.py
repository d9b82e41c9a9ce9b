"""Episodes that are played in segments."""

import operator
from typing import Any

import gymnasium


class Segments(
    gymnasium.Wrapper[Any, Any, Any, Any],
    gymnasium.utils.RecordConstructorArgs,
):
    """Cuts episodes into segments, each of which training takes for an episode.

    A segment is truncated after `num_steps` steps, and the `reset` that follows
    goes on where it ended, with the same episode. So elites are the best
    segments rather than the best whole episodes: there are more of them in as
    many steps, and less luck in each. What is learned sees no further than a
    segment, though, which must be long enough for what is good to pay off.
    To be wrapped around the environment of training alone, not of validation.
    Where episodes never end, no `max_episode_steps` is needed.

    Args:
        env: `gymnasium.Env` whose episodes are cut.
        num_steps: Int, at least 1: the steps of a segment; the last of an
            episode may have less.

    Attributes:
        num_steps: As above.

    Raises:
        TypeError: If `num_steps` is no integer.
        ValueError: If `num_steps` is less than 1.

    Example:
    >>> env = Segments(gymnasium.make("Pendulum-v1"), num_steps=50)
    >>> first, _ = env.reset(seed=0)
    >>> for _ in range(50):
    ...     last, _, _, truncated, _ = env.step(env.action_space.sample())
    >>> truncated
    True
    >>> bool((env.reset()[0] == last).all())
    True
    """

    def __init__(self, env: gymnasium.Env[Any, Any], num_steps: int):
        try:
            steps = operator.index(num_steps)
        except TypeError:
            raise TypeError(
                "`num_steps` must be an int. Received: "
                f"num_steps={num_steps!r} of type {type(num_steps).__name__}"
            ) from None
        if steps < 1:
            raise ValueError(
                f"`num_steps` must be at least 1. Received: num_steps={steps}"
            )
        gymnasium.utils.RecordConstructorArgs.__init__(self, num_steps=steps)
        gymnasium.Wrapper.__init__(self, env)
        self.num_steps = steps
        self._played = 0
        # What the next segment of the episode begins with; None if the next
        # begins an episode.
        self._next: tuple[Any, dict[str, Any]] | None = None

    def reset(
        self,
        *,
        seed: int | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Begins a segment: the next of its episode, or the first of another.

        Args:
            seed: For the environment, if an episode begins; not used if one
                goes on, which was seeded at its own beginning.
            options: Likewise.

        Returns:
            The first observation and its `info`. Those of an episode that goes
            on are the last step's.
        """
        self._played = 0
        following, self._next = self._next, None
        if following is not None:
            return following
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Steps the environment.

        Returns:
            As the environment's; `truncated` also at the end of a segment.
        """
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._played += 1
        self._next = None
        if self._played >= self.num_steps and not (terminated or truncated):
            truncated = True
            self._next = observation, info
        return observation, reward, terminated, truncated, info
