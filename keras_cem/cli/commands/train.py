"""`keras-cem train`."""

import contextlib
import importlib
import pathlib
import shlex
import sys
from collections.abc import Iterator
from typing import Any

import keras
from absl import flags

from keras_cem import CEMAgent, callbacks
from keras_cem.adapters.gymnasium_ids import reward_threshold
from keras_cem.agent.fit_callbacks import say_network
from keras_cem.callbacks import live_line
from keras_cem.cli.commands import report
from keras_cem.cli.flags import from_flags, preset, resuming, worker_flags
from keras_cem.cli.flags.train_flags import define_flags as define_flags
from keras_cem.cli.run import environment, provenance
from keras_cem.cli.run.folder import RunFolder, versions, write_json
from keras_cem.cli.run.results import describe, summary
from keras_cem.cli.training import run_callbacks, seeds, tracking
from keras_cem.cli.training.progress import ProgressLine
from keras_cem.pictures import film_episodes
from keras_cem.utils import extras
from keras_cem.utils.keras_internals import close_csv


def run(values: flags.FlagValues) -> None:
    """Trains, evaluates and writes the run folder."""
    if values.seeds is not None:
        seeds.run(values)
        return
    with worker_flags.entered(values), contextlib.ExitStack() as during:
        _run(values, during)


def _run(values: flags.FlagValues, during: contextlib.ExitStack) -> None:
    folder = RunFolder(values.output)
    if values.resume:
        given = [*(values.wrapper or ()), *(values.train_wrapper or ())]
        config = folder.read_config(values.env, given)
        resuming.take_settings(values, config)
    else:
        preset.take_settings(values)
    clock = ProgressLine(
        live=values.progress == "auto",
        quiet=values.progress in ("none", "bar"),
    )
    plots = _plots(values)
    for tracker in values.track:
        extras.require(tracker, f"--track={tracker} needs")
    if values.video:
        extras.require("video", "--video needs")
        # Find out before training whether the environment can be rendered.
        film_episodes.try_first_frame(
            environment.for_film(from_flags.playable(values))
        )
    agent = from_flags.agent(values)
    stop_at = _stop_at(values)
    config = {
        "command": "train",
        "flags": {
            name: values[name].value
            for name in sorted(values)
            if name not in resuming.NOT_KEPT
        },
        "seed": agent.seed,
        "stop_at": stop_at,
        "epsilon_steps": from_flags.epsilon_steps(values),
        "network": agent.describe_network(),
        "versions": versions(),
    }
    fit_callbacks = run_callbacks.make(values, agent, folder, stop_at, clock)
    # All settings are valid: only now touch the folder.
    if not values.resume:
        folder.create(overwrite=values.overwrite)
    trackers = during.enter_context(
        tracking.opened(values.track, folder, config)
    )
    fit_callbacks += [each for own in trackers for each in own.callbacks]
    # Write config.json only after `fit` has accepted the checkpoint.
    written = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: write_json(folder.config, config)
    )
    if values.progress in ("auto", "line"):
        # With a progress bar, `fit` prints it.
        say_network(agent.describe_network())
    history = _fit(values, agent, folder, [*fit_callbacks, written])
    best = folder.load_agent()
    with _showing(values, "final evaluation"):
        played = best.collect(
            from_flags.playable(values),
            values.episodes,
            **from_flags.host_arguments(values),
        )
    evaluation = describe(played.returns)
    results = {
        "env": values.env,
        **evaluation,
        "env_steps": int(agent.env_steps),
        "epochs": len(history.epoch),
        "wall_seconds": round(clock.seconds(), 3),
        "seed": agent.seed,
        "solved": (
            None
            if stop_at is None
            else evaluation["episode_return_mean"] >= stop_at
        ),
    }
    write_json(folder.results, results)
    # From here on, each part may fail without stopping the others.
    failures: dict[str, Exception] = {}
    with _failing_into(failures, "export"):
        folder.write_policy(best)
    drawn: list[pathlib.Path] = []
    if plots is not None:
        with _failing_into(failures, "plot"):
            drawn += plots.draw(folder, folder.path, config)
            if plots.has_map(best):
                drawn.append(plots.draw_map(best, played, folder, folder.path))
    if values.video:
        with _failing_into(failures, "record"):
            _film(values, best, folder)
    with _failing_into(failures, "report"):
        report.write(folder, folder.path, config)
    with _failing_into(failures, "train --resume"):
        tracking.finish(trackers, folder, results, drawn)
    print(summary(evaluation))
    plural = "" if results["epochs"] == 1 else "s"
    print(
        f"{results['env_steps']:,} environment steps in {results['epochs']} "
        f"epoch{plural}, {results['wall_seconds']:.1f} s. Run folder: "
        f"{folder.path}"
    )
    _report_failures(failures, folder)


def _showing(
    values: flags.FlagValues, where: str
) -> contextlib.AbstractContextManager[None]:
    """Returns a context whose work is shown if progress is."""
    if values.progress in ("none", "line"):
        return contextlib.nullcontext()
    return live_line.showing(sys.stdout, where)


@contextlib.contextmanager
def _failing_into(
    failures: dict[str, Exception], command: str
) -> Iterator[None]:
    """Records an exception under the command that can repeat the work."""
    try:
        yield
    except Exception as error:  # Environments and drivers can raise any.
        failures[command] = error


def _report_failures(failures: dict[str, Exception], folder: RunFolder) -> None:
    """Raises if something failed after the results were written."""
    if not failures:
        return
    found = "; ".join(
        f"`keras-cem {command}` failed with {type(error).__name__}: {error}"
        for command, error in failures.items()
    )
    first = next(iter(failures))
    flag = "output" if first.startswith("train") else "run"
    raise RuntimeError(
        f"Training, {folder.results.name} and the checkpoints in {folder.path} "
        f"are complete, but {found}. To try again: keras-cem "
        f"{first} --{flag}={shlex.quote(str(folder.path))}"
    ) from failures[first]


def _film(values: flags.FlagValues, agent: CEMAgent, folder: RunFolder) -> None:
    film_episodes.record(
        agent,
        environment.for_film(from_flags.playable(values)),
        mp4=folder.mp4,
        gif=folder.gif,
        max_episode_steps=values.max_episode_steps,
    )
    provenance.note(folder, folder.mp4, folder.gif)


def _fit(
    values: flags.FlagValues,
    agent: CEMAgent,
    folder: RunFolder,
    fit_callbacks: list[keras.callbacks.Callback],
) -> keras.callbacks.History:
    try:
        history = agent.fit(
            verbose=int(values.progress == "bar"),
            callbacks=fit_callbacks,
            resume_from=folder.checkpoints if values.resume else None,
            **from_flags.fit_arguments(values),
            validation_freq=run_callbacks.validation_freq(
                values, fit_callbacks
            ),
        )
    except callbacks.TrainingInterrupted as interrupted:
        raise callbacks.TrainingInterrupted(
            interrupted.signum,
            "interrupted after saving a checkpoint. To continue: keras-cem "
            f"train --resume --output={shlex.quote(str(folder.path))}",
        ) from None
    except BaseException:
        # Save what was learned. If saving fails, report the first error.
        if int(agent.iteration):
            with contextlib.suppress(OSError):
                agent.save(folder.last)
        for callback in fit_callbacks:
            if isinstance(callback, keras.callbacks.CSVLogger):
                with contextlib.suppress(OSError):
                    close_csv(callback)
        raise
    agent.save(folder.last)
    return history


def _stop_at(values: flags.FlagValues) -> float | None:
    if values.stop_at is not None:
        return values.stop_at
    return reward_threshold(values.env)


def _plots(values: flags.FlagValues) -> Any:
    """Returns the module that draws, or None; prints why if it cannot draw."""
    if values.plot is False:
        return None
    try:
        extras.require("plot", "pictures need")
    except ImportError as error:
        if values.plot:
            raise ImportError(f"--plot: {error}") from error
        print(f"No pictures: {error}")
        return None
    # Import only when needed: matplotlib takes a second.
    return importlib.import_module("keras_cem.cli.report.pictures")
