"""A real browser, without a screen."""

import contextlib
import dataclasses
import os
import pathlib
import shutil

from playwright import sync_api

_ROOT = pathlib.Path(__file__).parents[1]


def executable():
    """Path of Chromium or Chrome: what CHROMIUM says, or what is there."""
    path = (
        os.environ.get("CHROMIUM")
        or shutil.which("chromium")
        or shutil.which("google-chrome")
        or _ROOT / ".browser" / "chromium"
    )
    if not os.path.isfile(path):
        raise FileNotFoundError(
            "This test needs Chromium or Chrome: install one, or name it by "
            "the environment variable CHROMIUM, or let `make "
            f".browser/chromium` fetch one. Received: {str(path)!r}, which is "
            "no file"
        )
    return str(path)


@dataclasses.dataclass
class Opened:
    """A page, and what happened as it was looked at.

    Attributes:
        page: Of Playwright.
        requests: Addresses that were asked for, up to their comma, after which
            the content of `data:` stands.
        problems: What the console said, and exceptions that nobody caught.
    """

    page: sync_api.Page
    requests: list[str] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)

    def __post_init__(self):
        self.page.on(
            "request",
            lambda request: self.requests.append(request.url.split(",")[0]),
        )
        self.page.on(
            "console", lambda message: self.problems.append(message.text)
        )
        self.page.on(
            "pageerror", lambda error: self.problems.append(str(error))
        )


@contextlib.contextmanager
def started():
    """Yields a function that opens a page in a window of its own.

    It takes the address, and the size of the window.
    """
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable(),
            # Minutes, for where many processes share a core.
            timeout=180_000,
            # Root cannot have the sandbox, and the pages are our own.
            chromium_sandbox=False,
            args=["--disable-gpu", "--disable-component-update"],
        )

        def visit(address, width=1000, height=800):
            opened = Opened(
                browser.new_page(viewport={"width": width, "height": height})
            )
            opened.page.set_default_timeout(120_000)
            opened.page.goto(address)
            return opened

        try:
            yield visit
        finally:
            browser.close()
