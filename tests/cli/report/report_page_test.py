"""The page, as a parser of HTML reads it."""

import base64
import hashlib
import html.parser
import json
import re

import pytest

from keras_cem.cli.report import report_page

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'"
STAGES = [
    {
        "iteration": 3,
        "env_steps": 40,
        "elite_threshold": 2.5,
        "returns": [1.0, 2.0, 3.0],
    }
]


class Parsed(html.parser.HTMLParser):
    """Tags with their attributes, and the text inside of them."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.texts, self.inside = [], [], False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.texts.append("")
        self.inside = True

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.texts[-1] += data

    def all(self, name):
        return [
            (attributes, text)
            for (tag, attributes), text in zip(
                self.tags, self.texts, strict=True
            )
            if tag == name
        ]


def test_values_stand_in_tables():
    page = Parsed(
        report_page.render(
            "Run", {"Results": {"solved": None}, "S": {"q": 0.7}}
        )
    )
    assert [text for _, text in page.all("th")] == ["solved", "q"]
    assert [text for _, text in page.all("td")] == ["null", "0.7"]
    assert page.all("img") == page.all("video") == []
    # The page's own.
    assert len(page.all("script")) == 1


def test_stages_pictures_and_film_are_in_the_page():
    page = Parsed(
        report_page.render("Run", {"A": {}}, STAGES, {"Curve": b"png"}, b"mp4")
    )
    (stages, text), _ = page.all("script")
    assert stages == {"type": "application/json", "id": "stages"}
    assert json.loads(text) == STAGES
    ((image, _),) = page.all("img")
    assert image["alt"] == "Curve"
    assert image["src"] == "data:image/png;base64," + (
        base64.b64encode(b"png").decode()
    )
    ((video, _),) = page.all("video")
    assert video["src"].startswith("data:video/mp4;base64,")


def test_policy_names_the_script_and_nothing_else_may_run():
    page = Parsed(report_page.render("Run", {"A": {}}, STAGES))
    (policy,) = [
        meta["content"]
        for meta, _ in page.all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    (_, _), (_, script) = page.all("script")
    checksum = base64.b64encode(hashlib.sha256(script.encode()).digest())
    directives = dict(
        directive.strip().split(" ", 1) for directive in policy.split(";")
    )
    assert directives == {
        "default-src": "'none'",
        "img-src": "data:",
        "media-src": "data:",
        "style-src": "'unsafe-inline'",
        "script-src": f"'sha256-{checksum.decode()}'",
    }


def test_page_loads_nothing():
    page = report_page.render("Run", {"A": {}}, STAGES, {"C": b"x"}, b"x")
    addresses = re.findall(r"https?://[^\s\"']*", page)
    # The name of SVG, which no browser opens.
    assert addresses == ["http://www.w3.org/2000/svg"]


@pytest.mark.parametrize(
    "evil", [EVIL, "$policy ${title} $$", "<!--", "]]><svg onload=alert(1)>"]
)
def test_strangers_put_no_tag_into_the_page(evil):
    def shape(text):
        stages = [{**STAGES[0], "iteration": text}]
        return Parsed(
            report_page.render(
                text,
                {text: {text: text}, "B": {"list": [text], "map": {text: 1}}},
                stages,
                {text: b"png"},
            )
        )

    honest, page = shape("honest"), shape(evil)
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in honest.tags]
    assert [set(a) for _, a in page.tags] == [set(a) for _, a in honest.tags]
    assert page.all("h1")[0][1].strip() == evil
    assert page.all("td")[0][1] == evil
    assert page.all("img")[0][0]["alt"] == evil
    assert json.loads(page.all("script")[0][1])[0]["iteration"] == evil
