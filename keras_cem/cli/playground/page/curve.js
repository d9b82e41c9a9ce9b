// The learning curve and epsilon.

import {byId, label, scale, short, sideways, svg, themed, ticks} from "./draw.js";

const [LEFT, BOTTOM, TOP, RIGHT] = [66, 34, 12, 54];

export function curve({curve: rows, settings}) {
  // The threshold of single steps is an advantage, not a return.
  const ofSteps = settings?.elite_unit === "step";
  byId("threshold-key").hidden = ofSteps;
  const plot = byId("curve");
  const width = Math.max(plot.clientWidth, 200);
  const height = Math.round(Math.min(Math.max(width * 0.5, 180), 320));
  plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
  plot.style.height = `${height}px`;
  plot.replaceChildren();
  const floor = height - BOTTOM;
  const known = (rows || []).flatMap((row) => row.slice(1, ofSteps ? 3 : 4))
    .filter((value) => value !== null);
  if (!known.length) {
    svg(plot, "text", {x: width / 2, y: height / 2, "text-anchor": "middle",
      class: "empty"}, "One point per iteration.");
    return;
  }
  let [low, high] = [Math.min(...known), Math.max(...known)];
  if (low === high) [low, high] = [low - 1, high + 1];
  if (low > 0 && low < 0.4 * high) low = 0;
  const last = rows[rows.length - 1][0];
  const across = scale(1, Math.max(last, 2), LEFT, width - RIGHT);
  const up = scale(low, high, floor, TOP);
  const right = scale(0, Math.max(1, ...rows.map((row) => row[4])), floor, TOP);
  for (const tick of ticks(low, high, 4)) {
    svg(plot, "line", {x1: LEFT, x2: width - RIGHT, y1: up(tick), y2: up(tick),
      stroke: themed("grid")});
    svg(plot, "text", {x: LEFT - 6, y: up(tick) + 4, "text-anchor": "end"},
      label(tick));
  }
  for (const tick of [0, 0.5, 1]) {
    svg(plot, "text", {x: width - RIGHT + 6, y: right(tick) + 4}, label(tick));
  }
  for (const tick of ticks(1, Math.max(last, 2), 6).filter(Number.isInteger)) {
    svg(plot, "text", {x: across(tick), y: floor + 16, "text-anchor": "middle"},
      label(tick));
  }
  svg(plot, "text", {x: (LEFT + width - RIGHT) / 2, y: height - 2,
    "text-anchor": "middle"}, "iteration");
  sideways(plot, 13, (TOP + floor) / 2, "return");
  sideways(plot, width - 7, (TOP + floor) / 2, "epsilon");
  const line = (column, y, attributes) => {
    const points = rows.filter((row) => row[column] !== null)
      .map((row) => `${across(row[0])},${y(row[column])}`);
    svg(plot, "polyline", {points: points.join(" "), fill: "none",
      "stroke-linejoin": "round", ...attributes});
    if (points.length === 1) {
      const [x, height] = points[0].split(",");
      svg(plot, "circle", {cx: x, cy: height, r: 3, fill: attributes.stroke});
    }
  };
  line(4, right, {stroke: themed("soft"), "stroke-dasharray": "1 4",
    "stroke-linecap": "round", "stroke-width": 2.5});
  line(2, up, {stroke: themed("other"), "stroke-width": 1.2});
  if (!ofSteps) {
    line(3, up, {stroke: themed("elite"), "stroke-dasharray": "6 4",
      "stroke-width": 1.8});
  }
  line(1, up, {stroke: themed("accent"), "stroke-width": 2.6});
  const now = rows[rows.length - 1];
  plot.setAttribute("aria-label", `Learning curve: mean return ` +
    `${short(now[1])} in iteration ${now[0]}`);
}
