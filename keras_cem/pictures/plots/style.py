"""Common style of all plots."""

import io
import os
from typing import Any

import matplotlib.figure

from keras_cem.utils import files

# Okabe and Ito's colors, which color-blind readers can distinguish.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#777777"
SKY = "#56B4E9"
CYCLE = (BLUE, ORANGE, GREEN, "#CC79A7", SKY, "#E69F00", "#000000")

Path = str | os.PathLike[str]


_DPI = 120


class Figure(matplotlib.figure.Figure):
    """A figure that notebooks show, with or without pyplot."""

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        self.savefig(content, dpi=_DPI, format="png")
        return content.getvalue()


def new_figure(width: float, height: float) -> Any:
    """Returns a figure, with width and height in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def solved(line: Any, threshold: float | None) -> None:
    """Draws the return that counts as solved, if there is one.

    Args:
        line: Method of axes, such as `axhline`.
        threshold: The return.
    """
    if threshold is not None:
        line(threshold, color=GREY, linestyle="--", label="solved")


def plain(axes: Any) -> None:
    """Removes the top and right frame lines, and adds a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3)


def save(figure: Any, filepath: Path) -> None:
    """Writes a PNG file. The file is complete or absent."""
    with files.replacing(filepath) as partial:
        figure.savefig(partial, dpi=_DPI, format="png")
