"""Writes images as PNG, which browsers show."""

import base64
import struct
import zlib

import numpy as np


def address(image: np.ndarray) -> str:
    """Returns a `data:` address of an image.

    Args:
        image: uint8 array of shape (H, W, 3).
    """
    return "data:image/png;base64," + base64.b64encode(encode(image)).decode()


def encode(image: np.ndarray) -> bytes:
    """Returns the bytes of a PNG file.

    Args:
        image: uint8 array of shape (H, W, 3).
    """
    height, width, _ = image.shape
    rows = image.reshape(height, -1)
    # Each row as its difference from the row above, filter 2.
    above = np.concatenate([np.zeros_like(rows[:1]), rows[:-1]])
    filtered = np.empty((height, rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = 2
    filtered[:, 1:] = rows - above
    # 8 bits per channel, RGB.
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", zlib.compress(filtered.tobytes(), 1)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )
