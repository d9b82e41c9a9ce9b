"""report.html, opened and used in a real browser."""

import itertools

import pytest

from keras_cem.cli.main import main
from tests import browsers

# A phone, and a window on a desk.
WIDTHS = [360, 1000]


@pytest.fixture(scope="module")
def browser():
    with browsers.started() as visit:
        yield visit


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The page of a small run, film included."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    train = [
        "train",
        "--env=MountainCarContinuous-v0",
        "--engine=host",
        "--max_episode_steps=10",
        "--batch_size=6",
        "--hidden_units=4",
        "--validation_episodes=2",
        "--episodes=2",
        "--epochs=3",
        "--seed=1",
        f"--output={folder}",
    ]
    assert main(train) == 0
    assert main(["record", f"--run={folder}", "--max_frames=5"]) == 0
    assert main(["report", f"--run={folder}"]) == 0
    return folder / "report.html"


@pytest.fixture(scope="module", params=WIDTHS)
def opened(request, browser, report):
    return browser(report.as_uri(), width=request.param)


def move(page, slider, value):
    """Moves a slider as somebody at a keyboard would; returns its value."""
    page.locator(slider).focus()
    page.keyboard.press("Home")
    for _ in range(value):
        page.keyboard.press("ArrowRight")
    return page.locator(slider).input_value()


def test_page_asks_for_nothing_but_itself(opened, report):
    opened.page.wait_for_load_state("networkidle")
    asked = set(opened.requests)
    assert report.as_uri() in asked
    # Pictures and film stand in the page.
    assert asked - {report.as_uri()} <= {
        "data:image/png;base64",
        "data:video/mp4;base64",
    }
    assert opened.problems == []


def test_pictures_and_film_can_be_seen(opened):
    opened.page.wait_for_function(
        """() => [...document.images].every((image) => image.complete)
        && document.querySelector("video").readyState >= 2"""
    )
    sizes = opened.page.evaluate(
        """() => [...document.images].map(
        (image) => [image.naturalWidth, image.clientWidth])"""
    )
    # Learning curve and policy.
    assert len(sizes) == 2
    assert all(natural > 0 and shown >= 320 for natural, shown in sizes)
    width, height, seconds = opened.page.evaluate(
        """() => { const film = document.querySelector("video");
        return [film.videoWidth, film.videoHeight, film.duration]; }"""
    )
    assert (width, height) == (600, 400)
    assert seconds > 0


def test_film_plays(opened):
    opened.page.evaluate(
        """() => { const film = document.querySelector("video");
        film.muted = true; return film.play(); }"""
    )
    opened.page.wait_for_function(
        """() => document.querySelector("video").currentTime > 0"""
    )


def test_slider_shows_the_returns_of_each_iteration(opened):
    page = opened.page
    shown = []
    for stage in range(3):
        assert move(page, "#stage-slider", stage) == str(stage)
        caption = page.locator("#stage-caption").inner_text()
        assert caption.startswith(f"Iteration {stage + 1}, ")
        bars = page.locator("#histogram rect")
        heights = bars.evaluate_all(
            "bars => bars.map(bar => Number(bar.getAttribute('height')))"
        )
        assert len(heights) == 30
        assert 0 < max(heights) <= 216
        shown.append(tuple(heights))
    assert len(set(shown)) == 3
    assert opened.problems == []


def test_page_can_be_read(opened):
    # Nothing but the figures, each in a box of its own, is wider than the page.
    wide, window = opened.page.evaluate(
        """() => [document.documentElement.scrollWidth,
        document.documentElement.clientWidth]"""
    )
    assert wide <= window
    # Pixels, of all text, that of SVG as it is scaled.
    heights = opened.page.evaluate(
        """() => [...document.querySelectorAll("h1, h2, p, th, td, text")]
        .filter((node) => node.textContent)
        .map((node) => node.getBoundingClientRect().height)"""
    )
    assert len(heights) > 40
    assert min(heights) >= 12
    # Labels of the axis stand beside, not upon, each other.
    ends = opened.page.evaluate(
        """() => [...document.querySelectorAll("#histogram text")]
        .map((node) => node.getBoundingClientRect())
        .map((box) => [box.left, box.right])"""
    )
    assert len(ends) >= 3
    assert all(a[1] < b[0] for a, b in itertools.pairwise(ends))


def test_other_scripts_do_not_run(browser, report, tmp_path):
    """The browser keeps to the policy that the page states."""
    page = report.read_text(encoding="utf-8")
    evil = tmp_path / "evil.html"
    # As if what a stranger wrote had not been escaped.
    evil.write_text(
        page.replace(
            "</h1>",
            '</h1><script>document.title = "evil"</script>'
            '<img src="x" onerror="document.title = 1">',
            1,
        ),
        encoding="utf-8",
    )
    opened = browser(evil.as_uri())
    assert opened.page.title() == "MountainCarContinuous-v0, keras-cem"
    for kind in ("inline script", "inline event handler", "image"):
        assert any(
            kind in text and "Content Security Policy" in text
            for text in opened.problems
        ), (kind, opened.problems)
