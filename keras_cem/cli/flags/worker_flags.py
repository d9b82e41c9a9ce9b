"""Flags of workers, which a resumed run may change."""

import contextlib
import importlib
from collections.abc import Iterator

from absl import flags

from keras_cem.cli.flags.flag_groups import Group

NAMES = ("workers", "ray_address", "worker_gpus")


def define(values: flags.FlagValues) -> None:
    """Defines the flags."""
    group = Group(values, "environment")
    group.count(
        "workers",
        None,
        "Number of processes that play. The result does not depend on it. "
        "Needs the extra `ray`. If not given, this process plays.",
    )
    group.text(
        "ray_address",
        None,
        "Address of a cluster of Ray for --workers, auto or HOST:PORT. If not "
        "given, this machine.",
    )
    group.number(
        "worker_gpus", 0.0, "Number of GPUs per worker.", lower_bound=0.0
    )


@contextlib.contextmanager
def entered(values: flags.FlagValues) -> Iterator[None]:
    """Keeps workers for a command; --workers holds them meanwhile.

    Args:
        values: The flags.
    """
    number = values.workers
    if number is None:
        yield
        return
    # Import late: it needs the extra.
    adapter = importlib.import_module("keras_cem.adapters.ray")
    with adapter.Workers(
        number, address=values.ray_address, num_gpus=values.worker_gpus
    ) as workers:
        values["workers"].value = workers
        try:
            yield
        finally:
            values["workers"].value = number
