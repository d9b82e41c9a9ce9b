"""The training that the playground shows."""

import time
from typing import Any, Literal, cast

import numpy as np

from keras_cem import CEMAgent
from keras_cem.agent.staged_training import StagedTraining
from keras_cem.cli.playground import agents, coordinates, views
from keras_cem.cli.playground.board import Board
from keras_cem.cli.playground.curve import Curve
from keras_cem.cli.playground.settings import Settings
from keras_cem.engines.trajectories import Trajectories
from keras_cem.utils import checks

Stage = Literal["play", "select", "imitate"]


class Session:
    """A training in stages. It posts what it computes.

    One thread uses it.

    Args:
        board: Where it posts the parts `episodes`, `returns`, `selection`,
            `steps`, `map`, `curve` and `progress`.
        settings: What it starts with.

    Attributes:
        settings: The present settings.
        agent: The agent that learns.
        next: The stage that `advance` does next.

    Raises:
        ValueError, ImportError, RuntimeError: If the environment cannot be
            played.
    """

    def __init__(self, board: Board, settings: Settings):
        self._board = board
        self._curve = Curve()
        self.settings = settings
        self.agent: CEMAgent
        self._training: StagedTraining | None = None
        self._axes: tuple[int, int] | None = None
        # Whether this agent has played.
        self._has_played = False
        # Number of the episode whose steps are shown.
        self._episode = 0
        self._ranges: dict[int, views.Range] = {}
        self._open(settings, keep=False)

    def apply(self, settings: Settings) -> str:
        """Changes the settings.

        Returns:
            What that did to the training, in a sentence or nothing.

        Raises:
            ValueError, ImportError, RuntimeError: As the constructor. The
                training then goes on as before.
        """
        effect = self.settings.effect_of(settings)
        if effect == "anew":
            self._open(settings, keep=False)
            return "Started a new training with this setting."
        if effect == "kept":
            self._open(settings, keep=True)
            return "The weights were kept."
        self.settings = settings
        self._set_live()
        if self.next == "imitate":
            self._select()
        return ""

    def reset(self) -> None:
        """Starts anew with the same settings."""
        self._open(self.settings, keep=False)

    def view(self, name: str, value: object) -> None:
        """Changes what is looked at.

        Args:
            name: `"x"` or `"y"`, an axis of the plane, or `"episode"`, the
                episode whose steps are shown.
            value: Number of the coordinate, or of the episode.

        Raises:
            ValueError: If there is none.
        """
        if not self._has_played or self._axes is None:
            return
        x, y = self._axes
        counts = dict.fromkeys("xy", len(self._coordinates.names))
        counts["episode"] = self.settings.batch_size
        if (
            name not in counts
            or not checks.is_integer(value)
            or not 0 <= value < counts[name]
        ):
            raise ValueError(f"There is no {name:.20} number {value!r:.20}.")
        if name == "episode":
            self._episode = int(value)
        else:
            self._axes = (value, y) if name == "x" else (x, value)
        self._post_episodes()
        self._post_steps()
        self._board.post(map=self._map(None))

    def advance(self) -> Stage:
        """Does the next stage, and returns which it was."""
        stage = self.next
        {
            "play": self._play,
            "select": self._select,
            "imitate": self._imitate,
        }[stage]()
        return stage

    def close(self) -> None:
        """Closes the environments."""
        if self._training is not None:
            self._training.close()

    def _open(self, settings: Settings, *, keep: bool) -> None:
        agent = agents.make(settings)
        training = agents.train_in_stages(agent, settings)
        if keep:
            agents.copy(self.agent, agent)
        else:
            self._curve.clear()
            if self._training is None or settings.env != self.settings.env:
                self._axes = None
            self._ranges.clear()
        self.close()
        self.agent, self._training, self.settings = agent, training, settings
        self.next: Stage = "play"
        self._episode, self._has_played = 0, False
        self._set_live()
        self._board.post(
            episodes=None,
            returns=None,
            selection=None,
            steps=None,
            map=None,
            curve=self._curve.rows,
            progress=self._progress({}),
        )

    def _set_live(self) -> None:
        """Applies the settings that need no new compiled step."""
        settings, optimizer = self.settings, self.agent.optimizer
        optimizer.learning_rate = settings.learning_rate
        self._of_training.schedule = follow = agents.schedule(settings)
        self.agent.epsilon.assign(float(follow(int(self.agent.iteration))))

    @property
    def _of_training(self) -> StagedTraining:
        return cast(StagedTraining, self._training)

    def _play(self) -> None:
        self._played: Trajectories = self._of_training.play()
        self._coordinates = coordinates.of(
            self._played,
            cast(Any, self.agent.observation_space),
            self.settings.env,
        )
        if self._axes is None:
            self._axes = coordinates.first_axes(
                self.settings.env, self._coordinates
            )
        self._has_played = True
        self._episode = int(np.nanargmax(self._played.returns))
        self._post_episodes()
        self._board.post(
            returns=views.histogram(self._of_training.returns),
            selection=None,
            steps=None,
            map=self._map(None),
        )
        self.next = "select"

    def _select(self) -> None:
        settings, training = self.settings, self._of_training
        chosen = training.select(settings.elite_quantile, settings.ties)
        of_steps = settings.elite_unit == "step"
        self._board.post(
            selection=views.selection(
                training.returns,
                chosen,
                settings.elite_quantile,
                0 if of_steps else settings.batch_size,
            )
        )
        self._post_steps()
        self.next = "imitate"

    def _imitate(self) -> None:
        before = self._decisions()
        metrics = self._of_training.imitate()
        computed = time.time()
        self._curve.add(
            int(self.agent.iteration),
            *(
                views.number(metrics[name])
                for name in (
                    "episode_return",
                    "episode_return_max",
                    "elite_threshold",
                    "epsilon",
                )
            ),
        )
        self._board.post(
            map=self._map(before),
            curve=self._curve.rows,
            progress={
                **self._progress(metrics),
                # Milliseconds, for the page to tell how late it is.
                "computed": round(1000 * computed),
            },
        )
        self.next = "play"

    def _progress(self, metrics: dict[str, float]) -> dict[str, Any]:
        return {
            "iteration": int(self.agent.iteration),
            "env_steps": int(self.agent.env_steps),
            "epsilon": views.number(self.agent.epsilon),
            "metrics": {
                name: views.number(value) for name, value in metrics.items()
            },
        }

    def _post_episodes(self) -> None:
        axes = cast(tuple[int, int], self._axes)
        for axis in axes:
            found = views.extent(self._played, self._coordinates, axis)
            least, most = self._ranges.get(axis, found)
            self._ranges[axis] = min(least, found[0]), max(most, found[1])
        self._plane = views.Plane(
            self._coordinates, axes, [self._ranges[axis] for axis in axes]
        )
        self._board.post(
            episodes={
                "names": self._coordinates.names,
                # 0 if no map can be drawn over them.
                "components": self._coordinates.num_components
                * views.can_be_drawn(self.agent, self._coordinates),
                "axes": axes,
                "ranges": self._plane.ranges,
                "paths": views.paths(self._played, self._plane),
                "episode": self._episode,
                "iteration": int(self.agent.iteration) + (self.next != "play"),
            }
        )

    def _post_steps(self) -> None:
        """Posts the steps of one episode, if single steps are elite."""
        training = self._of_training
        if self.settings.elite_unit != "step" or training.chosen is None:
            return
        size = self.settings.batch_size
        self._board.post(
            steps=views.steps_of(
                self._plane,
                self._episode,
                int(self._played.lengths[self._episode]),
                training.returns.reshape(-1, size),
                np.reshape(training.chosen.mask, (-1, size)),
            )
        )

    def _decisions(self) -> dict[str, list[int]] | None:
        """Returns the policy over the plane, None if it cannot be drawn."""
        part = views.slice_of(self.agent, self._played, self._plane)
        return None if part is None else views.decisions(self.agent, part)

    def _map(self, before: dict[str, list[int]] | None) -> dict[str, Any]:
        """Returns the policy now, and as it was before the update, if any."""
        return {
            "resolution": views.RESOLUTION,
            "actions": getattr(self.agent.action_space, "n", None),
            "first": int(getattr(self.agent.action_space, "start", 0)),
            "before": before,
            "now": self._decisions(),
        }
