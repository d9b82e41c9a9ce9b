"""Writes MP4 and GIF films frame by frame."""

import contextlib
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from keras_cem.utils import extras, files

VIDEO_FORMATS = ("mp4", "gif")
# Limits of a GIF: it has no motion compensation, and serves as a preview.
_GIF_FRAMES, _GIF_WIDTH, _GIF_FPS = 250, 320, 25


def write(
    frames: Iterable[np.ndarray],
    fps: float,
    mp4: pathlib.Path | None = None,
    gif: pathlib.Path | None = None,
) -> int:
    """Writes frames to films. Each file is complete or absent.

    A GIF has at most 320 columns, 25 frames per second and 250 frames.

    Args:
        frames: uint8 arrays `(H, W, 3)` of equal shape, at least one.
        fps: Frames per second.
        mp4: H.264 film to write. Defaults to `None`.
        gif: GIF to write. Defaults to `None`.

    Returns:
        Number of frames.

    Raises:
        ImportError: If the packages of the extra `video` are missing.
        ValueError: If there is no frame, or a frame is not an image of the
            same shape.
    """
    extras.require("video", "Films need")
    sized = _checked(frames)
    first = next(sized, None)
    if first is None:
        raise ValueError("`frames` must not be empty. Received: no frames")
    count = 0
    with contextlib.ExitStack() as stack:
        sinks = []
        if mp4 is not None:
            sinks.append(stack.enter_context(_mp4(mp4, first.shape, fps)))
        if gif is not None:
            sinks.append(stack.enter_context(_gif(gif, first.shape, fps)))
        frame: np.ndarray | None = first
        while frame is not None:
            for sink in sinks:
                sink(count, frame)
            count += 1
            frame = next(sized, None)
    return count


def check_frame(
    frame: np.ndarray, shape: tuple[int, ...] | None = None
) -> None:
    """Refuses an array that cannot be a frame.

    Args:
        frame: The array.
        shape: Shape of the first frame. Defaults to `None`: this is the first
            frame.

    Raises:
        ValueError: If the array is not an image of this shape.
    """
    shape = shape or frame.shape
    if (
        frame.dtype != np.uint8
        or frame.ndim != 3
        or frame.shape[2] != 3
        or frame.shape != shape
    ):
        raise ValueError(
            "`frames` must be uint8 arrays of shape (H, W, 3), all of the "
            f"same size. Received: {frame.dtype} {frame.shape}, after a "
            f"first frame of {shape}"
        )


def _checked(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    shape = None
    for frame in frames:
        frame = np.asarray(frame)
        shape = shape or frame.shape
        check_frame(frame, shape)
        yield frame


@contextlib.contextmanager
def _mp4(
    path: pathlib.Path, shape: tuple[int, ...], fps: float
) -> Iterator[Any]:
    import imageio_ffmpeg

    # H.264 halves the color resolution, so height and width must be even.
    pad = [(0, side % 2) for side in shape[:2]] + [(0, 0)]
    height, width = (side + side % 2 for side in shape[:2])
    with files.replacing(path) as partial:
        writer = imageio_ffmpeg.write_frames(
            str(partial),
            (width, height),
            fps=fps,
            codec="libx264",
            macro_block_size=1,
            ffmpeg_log_level="error",
            # A browser can play the film before it is downloaded completely.
            output_params=["-movflags", "+faststart"],
        )
        writer.send(None)
        try:
            yield lambda _, frame: writer.send(
                np.ascontiguousarray(np.pad(frame, pad, "edge"))
            )
        finally:
            writer.close()


@contextlib.contextmanager
def _gif(
    path: pathlib.Path, shape: tuple[int, ...], fps: float
) -> Iterator[Any]:
    import imageio.v3

    every = max(1, round(fps / _GIF_FPS))
    block = -(-shape[1] // _GIF_WIDTH)
    kept: list[np.ndarray] = []

    def add(number: int, frame: np.ndarray) -> None:
        if number % every == 0 and len(kept) < _GIF_FRAMES:
            kept.append(smaller(frame, block))

    yield add
    with files.replacing(path) as partial:
        imageio.v3.imwrite(
            partial,
            kept,
            extension=".gif",
            plugin="pillow",
            # Milliseconds; a GIF stores multiples of 10.
            duration=max(20, 10 * round(100 * every / fps)),
            loop=0,
        )


def smaller(frame: np.ndarray, block: int) -> np.ndarray:
    """Shrinks a frame to the means of squares of `block` x `block` pixels.

    Args:
        frame: uint8 array of shape (H, W, 3).
        block: Side of the squares. Rows and columns that fill no square are
            cut off.
    """
    height, width = (side // block for side in frame.shape[:2])
    cut = frame[: height * block, : width * block]
    squares = cut.reshape(height, block, width, block, 3)
    means: np.ndarray = squares.mean(axis=(1, 3))
    return means.round().astype(np.uint8)
