"""How to play an environment: the arguments that `fit` and others share."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypedDict, TypeVar, cast

from keras_cem.utils import checks, option_fields
from keras_cem.utils.option_fields import Flag, option
from keras_cem.utils.option_kinds import Choice, Integer, Kind, Number

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

# Options of sub-environments. In-graph environments have no sub-environments:
# of these options, they take `num_envs` only.
HOST_OPTIONS = (
    "num_envs",
    "vectorization_mode",
    "step_timeout",
    "max_env_restarts",
)


class Workers(Kind):
    """A number of workers, or workers."""

    is_json = False

    def check(self, name: str, value: Any) -> None:
        if not hasattr(value, "open_source"):
            checks.at_least(1, **{name: value})
            checks.number(1, **{name: value})

    def plain(self, value: Any) -> Any:
        return int(value) if checks.is_integer(value) else value


@dataclasses.dataclass(frozen=True)
class Options:
    """How to play an environment, checked.

    Args:
        batch_size: K, the number of trajectories per batch.
        **options: The fields below.

    Raises:
        ValueError: If a value is out of range.
        TypeError: If a value is of the wrong type.
    """

    batch_size: int
    num_envs: int | None = option(
        None,
        Integer(1),
        """Number of sub-environments, or of trajectories that are played at
        once in the graph. It changes no result, up to the last bits of floats
        where it is below 64.""",
        unset="""as many as `batch_size`, at most 256; in the graph, a number
        close to 8 times the square root of `batch_size`""",
        flag=Flag(
            "environment",
            "Number of sub-environments, or of episodes played at once with "
            "--engine=graph. If not given, it follows from --batch_size.",
        ),
    )
    vectorization_mode: str | None = option(
        None,
        Choice(("sync", "async", "vector_entry_point")),
        """`"sync"` steps the sub-environments one after the other in this
        process. `"async"` runs one process per sub-environment.
        `"vector_entry_point"` uses the environment's own vector version.""",
        unset='`"sync"`',
        flag=Flag(
            "environment", "How sub-environments run. If not given, sync."
        ),
    )
    max_episode_steps: int | None = option(
        None,
        Integer(1),
        """Truncates every episode after this number of steps. It is required
        if the environment has no limit.""",
        unset="the environment's own limit",
        flag=Flag(
            "environment",
            "Steps after which an episode is truncated. If not given, the "
            "environment's own limit.",
        ),
    )
    step_timeout: float | None = option(
        None,
        Number(1e-3),
        """Time limit in seconds for one step or reset with
        `vectorization_mode="async"`. A sub-environment that takes longer has
        failed.""",
        unset="no limit",
    )
    max_env_restarts: int | None = option(
        None,
        Integer(0),
        """Maximum number of restarts of failed sub-environments. A
        sub-environment fails if it raises, its process ends, or it exceeds
        `step_timeout`. Its interrupted episodes are played again from their own
        seeds. If the environment is deterministic given seed and actions, a
        restart changes no result. `validation_data` has a count of its own.
        Environment objects cannot be restarted.""",
        unset="3 for ids and callables",
    )
    engine: str = option(
        "auto",
        Choice(("auto", "graph", "host")),
        """`"graph"` plays inside the compiled step. It is for environments of
        `keras_cem.envs` and ids with an in-graph version. `"host"` steps
        gymnasium environments from Python. `"auto"` chooses the graph if
        possible, unless an argument of sub-environments is given: `num_envs`,
        `vectorization_mode`, `step_timeout` or `max_env_restarts`.""",
        flag=Flag(
            "environment",
            "Where training plays: inside the compiled step (graph) or from "
            "Python (host). auto uses the graph where possible. The final "
            "evaluation always uses gymnasium's own environment.",
        ),
    )

    workers: object = option(
        None,
        Workers(),
        """Processes that play the episodes, here or on other machines: their
        number, or a `keras_cem.adapters.ray.Workers`. The result does not
        depend on it. `env` must be an id or a callable, or an in-graph
        environment.""",
        unset="none, this process plays",
    )

    def __post_init__(self) -> None:
        checks.at_least(1, batch_size=self.batch_size)
        option_fields.resolve(self)


class Playing(TypedDict, total=False):
    """The types of the arguments, for `Unpack`. `Options` documents them."""

    num_envs: int | None
    vectorization_mode: str | None
    max_episode_steps: int | None
    step_timeout: float | None
    max_env_restarts: int | None
    engine: str
    workers: object


PLAYING = option_fields.declared(Options)


def takes_playing(
    method: Callable[Arguments, Result],
) -> Callable[Arguments, Result]:
    """Lets a method take the arguments of playing as `**`, and no others.

    Names that start with an underscore pass, because Keras has arguments of
    that kind, see `split`. `inspect.signature` shows the arguments by name.

    Args:
        method: The method.
    """
    signature = inspect.signature(method)
    *own, _ = signature.parameters.values()
    known = {parameter.name for parameter in own} | PLAYING.keys()
    options = inspect.signature(Options).parameters

    @functools.wraps(method)
    def checked(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        for name in kwargs:
            if name not in known and not name.startswith("_"):
                raise TypeError(
                    f"{method.__qualname__}() got an unexpected keyword "
                    f"argument {name!r}"
                )
        return method(*args, **kwargs)

    shown = [
        options[name].replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name in PLAYING
    ]
    vars(checked)["__signature__"] = signature.replace(
        parameters=[*own, *shown]
    )
    return checked


def split(arguments: Mapping[str, Any]) -> tuple[Playing, dict[str, Any]]:
    """Returns the arguments of playing, and internal arguments of Keras.

    Args:
        arguments: What a method with `takes_playing` got as `**`.
    """
    playing = {name: arguments[name] for name in arguments if name in PLAYING}
    internal = {
        name: arguments[name] for name in arguments if name not in PLAYING
    }
    return cast(Playing, playing), internal


def refuse_given(playing: Mapping[str, Any]) -> None:
    """Refuses arguments of playing where nothing is played.

    Args:
        playing: The arguments. Those that have their defaults pass.

    Raises:
        ValueError: If there are others.
    """
    checks.only_for(
        "an environment",
        **{
            name: None if value == PLAYING[name].default else value
            for name, value in playing.items()
        },
    )
