import base64
import io

import numpy as np
from matplotlib import image

from keras_cem.cli.playground import png


def test_readers_see_the_image():
    drawn = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    read = image.imread(io.BytesIO(png.encode(drawn)), format="png")
    np.testing.assert_array_equal(np.rint(255 * read).astype(int), drawn)


def test_address_holds_the_file():
    drawn = np.zeros((2, 3, 3), np.uint8)
    kind, _, content = png.address(drawn).partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(content) == png.encode(drawn)
