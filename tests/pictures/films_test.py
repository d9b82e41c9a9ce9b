"""Films are read back frame by frame."""

import re
import subprocess

import imageio.v3
import imageio_ffmpeg
import numpy as np
import pytest

from keras_cem.pictures import films


def frames(count, height=31, width=45):
    """Each is of one grey, 10 brighter than the one before."""
    for number in range(count):
        yield np.full((height, width, 3), 10 * number, np.uint8)


def read_mp4(path):
    """What ffmpeg says of its size, rate and codec, and its frames."""
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-fps_mode", "passthrough"]
    ended = subprocess.run(
        [ffmpeg, "-i", path, *raw, "-"], capture_output=True, check=True
    )
    video = re.search(
        r"Video: (\w+).*?, (\d+)x(\d+).*?, (\d+) fps", ended.stderr.decode()
    )
    codec, width, height, fps = video[1], *map(int, video.groups()[1:])
    frames = np.frombuffer(ended.stdout, np.uint8)
    about = {"codec": codec, "size": (width, height), "fps": fps}
    return about, frames.reshape(-1, height, width, 3)


def test_mp4_has_all_frames_and_even_sides(tmp_path):
    path = tmp_path / "film.mp4"
    assert films.write(frames(12), 20, mp4=path) == 12
    about, read = read_mp4(path)
    assert (about["size"], about["fps"]) == ((46, 32), 20)
    assert about["codec"] == "h264"
    # The colours are coded, not copied.
    np.testing.assert_allclose(
        [frame.mean() for frame in read], 10 * np.arange(12), atol=4
    )


def test_gif_is_smaller_and_slower(tmp_path):
    path = tmp_path / "film.gif"
    films.write(frames(12, height=60, width=700), 50, gif=path)
    read = imageio.v3.imread(path)
    assert read.shape == (6, 20, 233, 3)
    np.testing.assert_array_equal(read.mean(axis=(1, 2, 3)), 20 * np.arange(6))
    assert imageio.v3.immeta(path)["duration"] == 40


def test_gif_ends_and_mp4_goes_on(tmp_path):
    mp4, gif = tmp_path / "film.mp4", tmp_path / "film.gif"

    def many():
        generator = np.random.default_rng(0)
        for _ in range(260):
            # Frames that are the same would become one.
            yield generator.integers(0, 256, (8, 8, 3), np.uint8)

    assert films.write(many(), 25, mp4=mp4, gif=gif) == 260
    assert len(imageio.v3.imread(gif)) == 250
    assert len(read_mp4(mp4)[1]) == 260


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([], "Received: no frames"),
        ([np.zeros((4, 4), np.uint8)], "uint8 (4, 4)"),
        ([np.zeros((4, 4, 3))], "float64 (4, 4, 3)"),
        (
            [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 6, 3), np.uint8)],
            "(4, 6, 3), after a first frame of (4, 4, 3)",
        ),
    ],
    ids=range(4),
)
def test_bad_frames_leave_nothing_behind(bad, message, tmp_path):
    with pytest.raises(ValueError, match=re.escape(message)):
        films.write(
            iter(bad), 10, mp4=tmp_path / "f.mp4", gif=tmp_path / "f.gif"
        )
    assert list(tmp_path.iterdir()) == []
