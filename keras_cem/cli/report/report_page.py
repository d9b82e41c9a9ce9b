"""The report of a run: one self-contained HTML file.

The run folder may come from an untrusted source, so its content is escaped.
The page's content security policy names the checksum of report_page.js;
browsers run no other script.
"""

import base64
import hashlib
import html
import importlib.resources
import json
import string
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

_FILES = importlib.resources.files("keras_cem.cli.report")
_STYLE = (_FILES / "report_page.css").read_text(encoding="utf-8")
_SCRIPT = (_FILES / "report_page.js").read_text(encoding="utf-8")

_PAGE = string.Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="$policy">
<title>$title</title>
<style>$style</style>
</head>
<body>
<h1>$title</h1>
$sections
<script>$script</script>
</body>
</html>
""")

_HISTOGRAM = string.Template("""<svg id="histogram" height="240"
role="img" aria-label="Histogram of returns"></svg>
<input id="stage-slider" type="range" min="0" max="$last" value="$last"
aria-label="Iteration">
<p id="stage-caption"></p>
<script type="application/json" id="stages">$stages</script>""")

_MAPS = string.Template("""<canvas id="policy-map" role="img"
aria-label="Map of the policy"></canvas>
<input id="map-slider" type="range" min="0" max="$last" value="$last"
aria-label="Iteration">
<p id="map-caption"></p>
<div id="map-legend"></div>
<script type="application/json" id="maps">$maps</script>""")


def render(
    title: str,
    tables: Mapping[str, Mapping[str, Any]],
    stages: Sequence[Mapping[str, Any]] = (),
    pictures: Mapping[str, bytes] | None = None,
    video: bytes | None = None,
    maps: Mapping[str, Any] | None = None,
    *,
    summary: Sequence[str] = (),
    folded: Mapping[str, Mapping[str, Any]] | None = None,
    no_video: str = "",
    links: Sequence[str] = (),
) -> str:
    """Returns the page.

    Args:
        title: Title of the page.
        tables: Tables by heading; each maps names to values.
        stages: Returns in training, as `results.read_stages` returns them.
            Defaults to none.
        pictures: PNG images by heading. Defaults to `None`.
        video: An MP4. Defaults to `None`.
        maps: Maps of the policy over iterations, as `policy_maps.read` returns
            them. Defaults to `None`.
        summary: Sentences that begin the page, in the place of the first table,
            which then follows with the others. Defaults to none.
        folded: Tables that are shown on demand, at the end. Defaults to `None`.
        no_video: Why there is no video. Defaults to `""`: not said.
        links: Names of files beside the page. Defaults to none.
    """
    first, *others = tables.items()
    if summary:
        lines = "<br>\n".join(map(html.escape, summary))
        sections = [f'<p id="summary">{lines}</p>']
        others = [first, *others]
    else:
        sections = [_table(*first)]
    for heading, content in (pictures or {}).items():
        address = _data("image/png", content)
        name = html.escape(heading)
        sections.append(
            _section(
                heading,
                f'<figure><img alt="{name}" src="{address}"></figure>',
            )
        )
    if maps is not None:
        slider = _MAPS.substitute(last=len(maps["maps"]) - 1, maps=_json(maps))
        sections.append(_section("Policy over training", slider))
    if stages:
        slider = _HISTOGRAM.substitute(
            last=len(stages) - 1, stages=_json(list(stages))
        )
        sections.append(_section("Returns over training", slider))
    if video is not None:
        address = _data("video/mp4", video)
        sections.append(
            _section("Greedy play", f'<video controls src="{address}"></video>')
        )
    elif no_video:
        sections.append(
            _section("Greedy play", f"<p>{html.escape(no_video)}</p>")
        )
    sections += [_table(*other) for other in others]
    for heading, values in (folded or {}).items():
        sections.append(
            f"<details><summary>{html.escape(heading)}</summary>\n"
            f"{_rows(values)}\n</details>"
        )
    if links:
        found = " · ".join(
            f'<a href="{html.escape(urllib.parse.quote(name))}">'
            f"{html.escape(name)}</a>"
            for name in links
        )
        sections.append(_section("Files", f"<p>{found}</p>"))
    return _PAGE.substitute(
        policy=_policy(),
        title=html.escape(title),
        style=_STYLE,
        sections="\n".join(sections),
        script=_SCRIPT,
    )


def _policy() -> str:
    digest = hashlib.sha256(_SCRIPT.encode()).digest()
    checksum = base64.b64encode(digest).decode()
    return (
        "default-src 'none'; img-src data:; media-src data:; "
        f"style-src 'unsafe-inline'; script-src 'sha256-{checksum}'"
    )


def _section(heading: str, content: str) -> str:
    return f"<section><h2>{html.escape(heading)}</h2>\n{content}\n</section>"


def _table(heading: str, values: Mapping[str, Any]) -> str:
    return _section(heading, _rows(values))


def _rows(values: Mapping[str, Any]) -> str:
    rows = "\n".join(
        f"<tr><th>{html.escape(str(name))}</th><td>{_cell(value)}</td></tr>"
        for name, value in values.items()
    )
    return f"<table>\n{rows}\n</table>"


def _cell(value: Any) -> str:
    return html.escape(value if isinstance(value, str) else json.dumps(value))


def _json(content: Any) -> str:
    # JSON in a script is not HTML: only `<` could end the script.
    return json.dumps(content).replace("<", "\\u003c")


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
