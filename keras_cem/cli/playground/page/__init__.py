"""The files of the page: HTML, a style sheet and modules of JavaScript."""

import pathlib

# Content types by suffix.
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}


def read() -> dict[str, bytes]:
    """Returns the files by name."""
    return {
        path.name: path.read_bytes()
        for path in sorted(pathlib.Path(__file__).parent.iterdir())
        if path.suffix in TYPES
    }
