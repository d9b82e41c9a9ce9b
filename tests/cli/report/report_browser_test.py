"""report.html, opened and used in a real browser."""

import itertools
import re

import pytest

from keras_cem.cli.main import main
from keras_cem.cli.report import report_page
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
        "--nopreset",
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


@pytest.mark.slow
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


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_it_prints_on_two_pages(browser, report, paper):
    """With curve, policy, histogram and maps; film and sliders are left out."""
    printed = browser(report.as_uri()).page.pdf(format=paper)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 2


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
        bars = page.locator("#histogram rect[fill='#0072B2']")
        heights = bars.evaluate_all(
            "bars => bars.map(bar => Number(bar.getAttribute('height')))"
        )
        assert len(heights) == 30
        assert 0 < max(heights) <= 216
        shown.append(tuple(heights))
    assert len(set(shown)) == 3
    assert opened.problems == []


def test_slider_shows_the_policy_of_each_iteration(opened):
    page = opened.page
    shown = []
    for place in range(3):
        assert move(page, "#map-slider", place) == str(place)
        caption = page.locator("#map-caption").inner_text()
        assert caption.startswith(f"Iteration {place + 1}, ")
        shown.append(drawing(page))
    assert len(set(shown)) == 3
    legend = page.locator("#map-legend").inner_text().split("\n")
    assert [text.strip() for text in legend] == [
        "action -1.00",
        "action 0.00",
        "action 1.00",
    ]
    assert opened.problems == []


def drawing(page):
    """The map as the browser would save it."""
    return page.locator("#policy-map").evaluate("map => map.toDataURL()")


def color_at(page, x, y):
    """Colour of the map, at shares of its width and height from below."""
    return page.locator("#policy-map").evaluate(
        """(map, [x, y]) => {
        // The margins beside and below, as the page has them.
        const zoom = window.devicePixelRatio;
        const [left, bottom, top, right] = [76, 44, 8, 16];
        const width = map.width / zoom - left - right;
        const height = map.height / zoom - top - bottom;
        const place = [left + x * width, top + (1 - y) * height];
        return [...map.getContext("2d").getImageData(
          ...place.map((each) => Math.round(each * zoom)), 1, 1).data];
        }""",
        [x, y],
    )


def page_of(maps, path):
    content = {
        "dimensions": [0, 3],
        "ranges": [[-1, 1], [-2.5, 3]],
        "low": -2,
        "high": 2,
        "maps": [
            {"iteration": 1, "env_steps": 9, "values": maps.pop("values")}
        ],
    }
    path.write_text(
        report_page.render("T", {"A": {}}, maps={**content, **maps}),
        encoding="utf-8",
    )
    return path.as_uri()


def test_map_of_actions_has_their_colours(browser, tmp_path):
    # Action 1 in the upper right quarter, else action 0.
    values = [int(x >= 32 and y >= 32) for y in range(64) for x in range(64)]
    address = page_of(
        {"kind": "regions", "resolution": 64, "values": values},
        tmp_path / "page.html",
    )
    opened = browser(address)
    legend = opened.page.locator("#map-legend").inner_text()
    assert legend.split() == ["action", "-2", "action", "-1"]
    assert opened.problems == []
    # Okabe and Ito's blue and vermilion, 55 % of them on white.
    blue, vermilion = [115, 177, 213, 255], [232, 166, 115, 255]
    assert color_at(opened.page, 0.7, 0.7) == vermilion
    for place in [(0.3, 0.3), (0.3, 0.7), (0.7, 0.3)]:
        assert color_at(opened.page, *place) == blue


def test_map_of_levels_goes_from_dark_to_bright(browser, tmp_path):
    values = [4 * y for y in range(64) for _ in range(64)]
    address = page_of(
        {"kind": "scale", "resolution": 64, "values": values},
        tmp_path / "page.html",
    )
    page = browser(address).page
    shades = [sum(color_at(page, 0.5, y)[:3]) for y in (0.1, 0.5, 0.9)]
    assert shades == sorted(set(shades))


def test_map_of_arrows_has_one_where_the_action_is_not_zero(browser, tmp_path):
    # To the right, on the right half.
    values = [
        part
        for _ in range(16)
        for x in range(16)
        for part in (100 if x >= 8 else 0, 0)
    ]
    address = page_of(
        {"kind": "field", "resolution": 16, "values": values},
        tmp_path / "page.html",
    )
    opened = browser(address)
    legend = opened.page.locator("#map-legend").inner_text()
    assert legend.endswith("the longest is 2.00")
    assert opened.problems == []
    row = 10.5 / 16
    assert color_at(opened.page, 12.5 / 16, row)[3] > 0
    assert color_at(opened.page, 4.5 / 16, row)[3] == 0


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


@pytest.mark.slow
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
