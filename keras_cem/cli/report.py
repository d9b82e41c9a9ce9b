"""Writes report.html, a page of a run in one file.

It has the results, the settings, a histogram of returns with a slider over
iterations, and what is in the run folder of pictures (`keras-cem plot`) and of
video.mp4 (`keras-cem record`).
"""

import pathlib
from typing import Any

from absl import flags

from keras_cem import files
from keras_cem.cli import output_folder, report_page, run_returns
from keras_cem.cli.run_folder import RunFolder

# Bytes of a picture or a film that a page can hold.
_MAX_SIZE = 2**25


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of this command."""
    flags.DEFINE_string(
        "run", None, "Folder of a run. Required.", flag_values=values
    )
    flags.DEFINE_string(
        "output",
        None,
        "Folder for the page; the run's own if not given.",
        flag_values=values,
    )
    flags.mark_flags_as_required(["run"], flag_values=values)


def run(values: flags.FlagValues) -> None:
    """Writes the page."""
    folder = RunFolder(values.run)
    # Nothing is played.
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
        output: Where to.
        config: What its config.json says.

    Returns:
        The page.

    Raises:
        ValueError: If a file of the run is not what a run writes.
    """
    pictures = {
        "Learning curve": _content(folder.learning_curve),
        "Policy": _content(folder.policy_map),
    }
    page = report_page.render(
        f"{config['flags']['env']}, keras-cem",
        {
            "Results": _results(folder),
            "Settings": config["flags"],
            "Seed and versions": {
                "seed": config.get("seed"),
                **_dictionary(config.get("versions")),
            },
        },
        run_returns.read_stages(folder.stages),
        {name: png for name, png in pictures.items() if png is not None},
        _content(folder.mp4),
    )
    path = output / folder.report.name
    with files.replacing(path) as partial:
        partial.write_text(page, encoding="utf-8", errors="replace")
    return path


def _results(folder: RunFolder) -> dict[str, Any]:
    """What results.json says, the ends of the returns for all of them."""
    results = run_returns.read_results(folder.results)
    if not results:
        return {"training": "has not ended"}
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


def _content(path: pathlib.Path) -> bytes | None:
    """What is in a file, if it is there and not too large for a page."""
    if not path.is_file():
        return None
    size = path.stat().st_size
    if size > _MAX_SIZE:
        print(f"Left out of the report: {path}, of {size:,} bytes.")
        return None
    return path.read_bytes()
