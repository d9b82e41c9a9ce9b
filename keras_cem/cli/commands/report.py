"""`keras-cem report`."""

import pathlib
from typing import Any

from absl import flags

from keras_cem.cli.flags import train_flags
from keras_cem.cli.flags.report_flags import define_flags as define_flags
from keras_cem.cli.hub import model_card
from keras_cem.cli.report import policy_maps, report_page
from keras_cem.cli.run import output_folder, provenance
from keras_cem.cli.run import results as run_results
from keras_cem.cli.run.folder import RunFolder
from keras_cem.utils import files

# Bytes; largest picture or video that a page can hold.
_MAX_SIZE = 2**25


def run(values: flags.FlagValues) -> None:
    """Writes the page."""
    folder = RunFolder(values.run)
    # The report plays no episodes.
    config = folder.read_config(plays=False)
    output = output_folder.prepare(
        folder.path if values.output is None else values.output,
        [folder.report.name],
    )
    print(f"Report: {write(folder, output, config)}")


def write(
    folder: RunFolder, output: pathlib.Path, config: dict[str, Any]
) -> pathlib.Path:
    """Writes the page of a run.

    Args:
        folder: The run.
        output: Folder to write the page to.
        config: The content of the run's config.json.

    Returns:
        Path of the page.

    Raises:
        ValueError: If a file of the run is damaged.
    """
    pictures = {
        "Learning curve": _content(folder.learning_curve),
        "Policy": _current(folder, folder.policy_map, "plot"),
    }
    used = config["flags"]
    changed = train_flags.changed(used)
    page = report_page.render(
        f"{used['env']}, keras-cem",
        {
            "Results": _results(folder),
            "Settings that differ from the defaults": changed,
            "Seed and versions": {
                "seed": config.get("seed"),
                **_dictionary(config.get("versions")),
            },
        },
        run_results.read_stages(folder.stages),
        {name: png for name, png in pictures.items() if png is not None},
        _current(folder, folder.mp4, "record"),
        policy_maps.read(folder.policy_maps)
        if provenance.is_current(folder, folder.policy_maps)
        else None,
        summary=_summary(folder, config),
        folded={
            "All other settings": {
                name: used[name] for name in used if name not in changed
            }
        },
        no_video="No film: `keras-cem record`, or `train --video`, makes one.",
        links=[
            path.name
            for path in (folder.results, folder.history, folder.config)
            if path.is_file() and output == folder.path
        ],
    )
    path = output / folder.report.name
    with files.replacing(path) as partial:
        partial.write_text(page, encoding="utf-8", errors="replace")
    return path


def _summary(folder: RunFolder, config: dict[str, Any]) -> list[str]:
    """Returns what the run reached, in sentences."""
    results = run_results.read_results(folder.results)
    if not results.get("episode_returns"):
        return ["Training is not finished."]
    lines = model_card.result(config["flags"]["env"], results).splitlines()
    if isinstance(results.get("wall_seconds"), int | float):
        lines.append(f"It took {results['wall_seconds']:,.0f} s.")
    return lines


def _results(folder: RunFolder) -> dict[str, Any]:
    """Returns results.json, with only the least and largest return."""
    results = run_results.read_results(folder.results)
    if not results:
        return {"training": "not finished"}
    returns = results.pop("episode_returns")
    if not returns:
        return results
    return {
        **results,
        "episode_return_min": min(returns),
        "episode_return_max": max(returns),
    }


def _dictionary(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _current(
    folder: RunFolder, path: pathlib.Path, command: str
) -> bytes | None:
    """Returns the content of a file if it was made from the current agent."""
    if not path.is_file() or provenance.is_current(folder, path):
        return _content(path)
    print(
        f"Left out of the report: {path}, because it shows an earlier agent "
        f"of this run. To make it again: keras-cem {command} "
        f"--run={folder.path}"
    )
    return None


def _content(path: pathlib.Path) -> bytes | None:
    """Returns the content of a file if it exists and fits into a page."""
    if not path.is_file():
        return None
    size = path.stat().st_size
    if size > _MAX_SIZE:
        print(
            f"Left out of the report: {path}, because it is too large "
            f"({size:,} bytes)."
        )
        return None
    return path.read_bytes()
