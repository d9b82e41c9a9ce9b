"""The page of a run: one file of HTML that loads nothing from anywhere.

What a run folder says may be a stranger's. All of it is escaped, and the page
has a policy by which browsers run no script but the one below, whose checksum
it names.
"""

import base64
import hashlib
import html
import json
import string
from collections.abc import Mapping, Sequence
from typing import Any

_STYLE = """
body { color: #222; font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto;
  max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
img, video, svg { height: auto; max-width: 100%; }
table { border-collapse: collapse; }
td, th { border-bottom: 1px solid #ddd; font-weight: normal;
  overflow-wrap: anywhere; padding: .15rem 1rem .15rem 0; text-align: left;
  vertical-align: top; }
th { color: #555; white-space: nowrap; }
input { width: 100%; }
"""

# Draws the histogram of the stage that the slider is at.
_SCRIPT = """
"use strict";
const stages = JSON.parse(document.getElementById("stages").textContent);
const plot = document.getElementById("histogram");
const slider = document.getElementById("slider");
const caption = document.getElementById("stage");
const [width, height, bottom, bins] = [800, 240, 24, 30];
let low = Infinity, high = -Infinity;
for (const stage of stages) {
  for (const value of stage.returns) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
}
if (low === high) { low -= 0.5; high += 0.5; }
const place = (value) => (value - low) / (high - low) * width;
function add(name, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  node.textContent = text || "";
  plot.appendChild(node);
}
function draw() {
  const stage = stages[slider.value];
  const counts = new Array(bins).fill(0);
  for (const value of stage.returns) {
    const bin = Math.floor((value - low) / (high - low) * bins);
    counts[Math.min(bin, bins - 1)] += 1;
  }
  const most = Math.max(...counts), floor = height - bottom;
  plot.replaceChildren();
  counts.forEach((count, bin) => add("rect", {
    x: bin * width / bins, width: width / bins - 1, fill: "#0072B2",
    y: floor * (1 - count / most), height: floor * count / most,
  }));
  const threshold = stage.elite_threshold;
  if (threshold !== null) {
    const x = Math.max(0, Math.min(width, place(threshold)));
    add("line", {x1: x, x2: x, y1: 0, y2: floor, stroke: "black",
      "stroke-width": 2});
  }
  for (let tick = 0; tick <= 4; tick += 1) {
    add("text", {x: tick * width / 4, y: height - 6, "font-size": 14,
      "text-anchor": ["start", "middle", "middle", "middle", "end"][tick]},
      (low + (high - low) * tick / 4).toPrecision(4));
  }
  caption.textContent = `Iteration ${stage.iteration.toLocaleString("en")}, ` +
    `${stage.env_steps.toLocaleString("en")} environment steps; ` +
    (threshold === null ? "no elite threshold"
      : `elite threshold ${threshold.toPrecision(4)}`);
}
slider.addEventListener("input", draw);
draw();
"""

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
</body>
</html>
""")

_HISTOGRAM = string.Template("""<svg id="histogram" viewBox="0 0 800 240"
role="img" aria-label="Histogram of returns"></svg>
<input id="slider" type="range" min="0" max="$last" value="0"
aria-label="Iteration">
<p id="stage"></p>
<script type="application/json" id="stages">$stages</script>
<script>$script</script>""")


def render(
    title: str,
    tables: Mapping[str, Mapping[str, Any]],
    stages: Sequence[Mapping[str, Any]] = (),
    pictures: Mapping[str, bytes] | None = None,
    video: bytes | None = None,
) -> str:
    """Returns the page.

    Args:
        title: Its title.
        tables: By its heading, what a table holds: values by their names.
        stages: Returns in training, as `run_returns.read_stages` returns them.
            Defaults to none.
        pictures: By its heading, a PNG. Defaults to `None`.
        video: An MP4. Defaults to `None`.
    """
    first, *others = tables.items()
    sections = [_table(*first)]
    for heading, content in (pictures or {}).items():
        address = _data("image/png", content)
        name = html.escape(heading)
        sections.append(
            _section(heading, f'<img alt="{name}" src="{address}">')
        )
    if stages:
        sections.append(_section("Returns over training", _histogram(stages)))
    if video is not None:
        address = _data("video/mp4", video)
        sections.append(
            _section("Greedy play", f'<video controls src="{address}"></video>')
        )
    sections += [_table(*other) for other in others]
    return _PAGE.substitute(
        policy=_policy(),
        title=html.escape(title),
        style=_STYLE,
        sections="\n".join(sections),
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
    rows = "\n".join(
        f"<tr><th>{html.escape(str(name))}</th><td>{_cell(value)}</td></tr>"
        for name, value in values.items()
    )
    return _section(heading, f"<table>\n{rows}\n</table>")


def _cell(value: Any) -> str:
    return html.escape(value if isinstance(value, str) else json.dumps(value))


def _histogram(stages: Sequence[Mapping[str, Any]]) -> str:
    # JSON in a script is not HTML: only what could end it is to be kept out.
    text = json.dumps(list(stages)).replace("<", "\\u003c")
    return _HISTOGRAM.substitute(
        last=len(stages) - 1, stages=text, script=_SCRIPT
    )


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
