"""`keras-cem playground`."""

import importlib
import logging
import os
import sys
import webbrowser

from absl import flags

from keras_cem.cli.console import CommandError
from keras_cem.cli.flags.playground_flags import define_flags as define_flags
from keras_cem.cli.playground.live_training import LiveTraining
from keras_cem.cli.playground.settings import Settings
from keras_cem.utils import extras


def run(values: flags.FlagValues) -> None:
    """Serves the page until Ctrl-C."""
    extras.require("playground", "`playground` needs")
    # Late, because it needs the extra.
    server = importlib.import_module("keras_cem.cli.playground.server")
    try:
        sock = server.bind(values.port)
    except OSError as error:
        raise CommandError(
            "--port must be free. Received: "
            f"--port={values.port}. {error.strerror}. Choose another, or give "
            "--port=0 for any that is free."
        ) from error
    # TensorFlow warns of the functions that each new training traces.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with sock:
        playground = LiveTraining(Settings(env=values.env))
        playground.start()
        try:
            made = server.Server(playground, sock)
            print(f"Playground: {made.address}", flush=True)
            print("Ctrl-C ends it.", flush=True)
            if values.browser and not open_browser(made.address):
                print(
                    "No browser was found. Open the address in one on this "
                    "machine.",
                    flush=True,
                )
            made.serve_forever()
        finally:
            playground.close()
    print("The playground has ended.")


def open_browser(address: str) -> bool:
    """Opens the browser; returns whether there is one.

    Args:
        address: What it shows.
    """
    screen = {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ)
    if sys.platform.startswith("linux") and not screen:
        # A browser of the terminal would take it.
        return False
    return webbrowser.open(address)
