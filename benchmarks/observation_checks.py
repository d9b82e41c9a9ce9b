r"""What looking for integers outside of their space costs on the host.

`HostSource.collect` of an environment with discrete observations, with and
without the check, in turn, in one process. Prints the median of the ratios of
their steps per second.

    python -m benchmarks.observation_checks --check_num_envs=64
"""

import contextlib
from collections.abc import Iterator
from unittest import mock

import numpy as np
from absl import app, flags

from benchmarks.host_rollout import rate
from keras_cem import CEMAgent, prng
from keras_cem.adapters.gymnasium import open_source
from keras_cem.engines.host.observation_buffer import ObservationBuffer
from keras_cem.engines.playing import Options

_ENV = flags.DEFINE_string("check_env", "FrozenLake-v1", "A gymnasium id.")
_NUM_ENVS = flags.DEFINE_integer("check_num_envs", 64, "Sub-environments.")
_ROUNDS = flags.DEFINE_integer("check_rounds", 15, "Measurements of each.")
_SECONDS = flags.DEFINE_float("check_seconds", 0.5, "Length of one.")


@contextlib.contextmanager
def unchecked() -> Iterator[None]:
    """Leaves the check out."""
    with mock.patch.object(ObservationBuffer, "outside", return_value=None):
        yield


def main(argv: list[str]) -> None:
    """Measures in turn, and prints the ratio."""
    del argv
    size = 4 * _NUM_ENVS.value
    agent = CEMAgent.from_env(_ENV.value, seed=0)
    options = Options(size, num_envs=_NUM_ENVS.value, engine="host")
    source = open_source(_ENV.value, options)

    def work() -> int:
        played = agent._player.play(
            source, size, prng.COLLECT_RESETS, epsilon=1.0
        )
        return int(played.lengths.sum())

    work()
    ratios = []
    for _ in range(_ROUNDS.value):
        checked = rate(work, _SECONDS.value)
        with unchecked():
            ratios.append(checked / rate(work, _SECONDS.value))
    print(
        f"{_ENV.value}, {_NUM_ENVS.value} sub-environments: with the check "
        f"{np.median(ratios):.3f} times as fast as without"
    )


if __name__ == "__main__":
    app.run(main)
