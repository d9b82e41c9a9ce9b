"""Episodes that are played in segments."""

import operator
from collections.abc import Callable
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
    A training that is resumed begins new episodes.
    Where episodes never end, no `max_episode_steps` is needed.

    Args:
        env: `gymnasium.Env` whose episodes are cut.
        num_steps: Int, at least 1: the steps of a segment; the last of an
            episode may have less. Or a function without arguments that returns
            it, asked at the beginning of each segment.

    Attributes:
        num_steps: As above.

    Raises:
        TypeError: If `num_steps`, or what it returns, is no integer.
        ValueError: If it is less than 1.

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

    def __init__(
        self, env: gymnasium.Env[Any, Any], num_steps: int | Callable[[], int]
    ):
        if not callable(num_steps):
            num_steps = _checked("num_steps", num_steps)
        gymnasium.utils.RecordConstructorArgs.__init__(
            self, num_steps=num_steps
        )
        gymnasium.Wrapper.__init__(self, env)
        self.num_steps = num_steps
        self._left = 0
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
        given = self.num_steps
        self._left = (
            _checked("num_steps()", given()) if callable(given) else given
        )
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
        self._left -= 1
        self._next = None
        if self._left <= 0 and not (terminated or truncated):
            truncated = True
            self._next = observation, info
        return observation, reward, terminated, truncated, info


def _checked(name: str, steps: Any) -> int:
    try:
        number = operator.index(steps)
    except TypeError:
        raise TypeError(
            f"`{name}` must be an int. Received: {name}={steps!r} of type "
            f"{type(steps).__name__}"
        ) from None
    if number < 1:
        raise ValueError(
            f"`{name}` must be at least 1. Received: {name}={steps}"
        )
    return number
