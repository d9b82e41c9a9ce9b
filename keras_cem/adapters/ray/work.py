"""What a worker gets, and how it begins."""

import platform
import socket
import traceback
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_cem.agent import replicas
from keras_cem.engines import sources
from keras_cem.engines.host.environment import EpisodeError
from keras_cem.engines.playing import Options
from keras_cem.engines.remote.messages import Failure
from keras_cem.engines.remote.opening import fingerprint, local
from keras_cem.engines.remote.replica import Replica
from keras_cem.engines.wanted import Wanted
from keras_cem.version import __version__


class Versions(NamedTuple):
    """What must be equal in all processes."""

    python: str
    keras_cem: str
    keras: str
    tensorflow: str

    @classmethod
    def here(cls) -> "Versions":
        """Returns those of this process."""
        return cls(
            platform.python_version(),
            __version__,
            keras.__version__,
            tf.__version__,
        )

    def __str__(self) -> str:
        return ", ".join(f"{name} {v}" for name, v in self._asdict().items())


class Opened(NamedTuple):
    """What a worker says when it has an agent and an environment.

    Attributes:
        host: Name of its machine.
        versions: Its versions.
        fingerprint: Hash of what it plays of the probe, or None if its
            versions differ.
    """

    host: str
    versions: Versions
    fingerprint: str | None


class Work(NamedTuple):
    """What a worker needs to play.

    Attributes:
        agent: Description of the agent.
        weights: Weights with which the probe is played.
        env: The environment, as given by the user.
        options: How to play it.
        probe: Episodes that all must play alike.
        versions: Versions of the process that asks.
    """

    agent: replicas.Description
    weights: list[np.ndarray]
    env: object
    options: Options
    probe: Wanted
    versions: Versions

    def begin(self) -> tuple[Opened | Failure, Replica | None]:
        """Makes the copy of the agent, and the environment, in a worker."""
        host, versions = socket.gethostname(), Versions.here()
        if versions != self.versions:
            return Opened(host, versions, None), None
        try:
            agent = self.agent.make()
            for variable, value in zip(
                agent.network_variables(), self.weights, strict=True
            ):
                variable.assign(value)
            source = local(sources.open_source(self.env, self.options))
            found = fingerprint(agent, source, self.probe)
        except Exception as error:
            return failure_of(error), None
        return Opened(host, versions, found), Replica(agent, source)


def failure_of(error: Exception) -> Failure:
    """Returns an error as a message that can be sent."""
    if isinstance(error, EpisodeError):
        cause = error.cause
        return Failure(
            str(error),
            None if cause is None else f"{type(cause).__name__}: {cause}",
        )
    return Failure(
        f"A worker on {socket.gethostname()} failed: "
        f"{type(error).__name__}: {error}",
        traceback.format_exc(),
    )
