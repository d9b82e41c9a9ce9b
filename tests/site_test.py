"""The site that `make docs` builds, as readers see it."""

import pathlib
import re
import urllib.parse
import zlib

import pytest

import keras_cem
from tests import browsers, processes

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parents[1]
DOCS = ROOT / "docs"
SITE = ROOT / ".build" / "docs"
PAGES = sorted(
    page.relative_to(DOCS).with_suffix("").as_posix()
    for page in DOCS.rglob("*.md")
)
REPOSITORY = "https://github.com/keras-cem/keras-cem/"


@pytest.fixture(scope="module")
def site():
    """The folder of the site; quick after `make docs`."""
    processes.run("-m", "sphinx", "--quiet", "-W", str(DOCS), str(SITE))
    return SITE


def links(html):
    """Where the text of a page links to, and what it shows."""
    start, end = html.index("<article"), html.index("</article>")
    return re.findall(r'(?:href|src)="([^"]+)"', html[start:end])


@pytest.mark.parametrize("page", PAGES)
def test_links_of_a_page_lead_somewhere(site, page):
    path = site / f"{page}.html"
    html = path.read_text()
    for link in links(html):
        address, _, anchor = link.partition("#")
        if urllib.parse.urlsplit(address).scheme:
            file = address.removeprefix(REPOSITORY)
            if file != address:
                name = file.split("/", 2)[-1]
                assert (ROOT / name).exists(), link
            continue
        target = path.parent / address if address else path
        assert target.is_file(), link
        if anchor:
            assert f'id="{anchor}"' in target.read_text(), link


def test_reference_has_every_public_name(site):
    # The first four lines are a header, the rest is compressed.
    inventory = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    documented = {
        line.split()[0]
        for line in zlib.decompress(inventory).decode().splitlines()
    }
    public = {"CEMAgent", "Trajectories", "schedules.HarmonicDecay"} | {
        f"{module}.{name}"
        for module in ("callbacks", "envs", "heads", "networks", "spaces")
        for name in getattr(keras_cem, module).__all__
        # Constants have no docstring.
        if not name.isupper()
    }
    assert {f"keras_cem.{name}" for name in public} - documented == set()


@pytest.mark.parametrize(
    ("width", "height"), [(1280, 900), (390, 844)], ids=["desktop", "phone"]
)
def test_browser_shows_the_pages(site, width, height):
    """Also writes screenshots, to look at."""
    with browsers.started() as visit:
        for page in ("index", "api/agent", "elite_steps"):
            opened = visit((site / f"{page}.html").as_uri(), width, height)
            assert opened.page.title()
            # Text of the page does not run out of the window.
            assert opened.page.evaluate(
                "document.documentElement.scrollWidth <= window.innerWidth"
            )
            assert opened.page.evaluate(
                "[...document.images].every(image => image.naturalWidth > 0)"
            )
            assert not opened.problems
            local = ("file:", "data:")
            assert all(each.startswith(local) for each in opened.requests)
            opened.page.screenshot(
                path=site / f"{width}-{page.replace('/', '-')}.png"
            )
