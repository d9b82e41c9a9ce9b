// The paths of the episodes over the policy that played them.

import {byId, css, diverging, frame, legend, message, pen, scale, themed}
  from "./draw.js";
import {actionKeys, paint} from "./maps.js";

const [LEFT, BOTTOM, TOP, RIGHT] = [52, 38, 6, 10];

export function plane({episodes, selection, steps, map}, played) {
  const canvas = byId("plane");
  const width = canvas.clientWidth, height = Math.round(width * 0.95);
  const [context] = pen(canvas, height);
  const box = [LEFT, TOP, width - LEFT - RIGHT, height - TOP - BOTTOM];
  if (!episodes) {
    message(context, [0, 0, width, height], "Press Run or Next stage.");
    legend(byId("plane-legend"), []);
    return;
  }
  const names = episodes.axes.map((axis) => episodes.names[axis]);
  context.save();
  context.beginPath();
  context.rect(...box);
  context.clip();
  const policy = map && (played ? map.now : map.before || map.now);
  if (policy) paint(context, map, policy, box, 0.6);
  // Points come in thousandths of the ranges.
  const across = scale(0, 1000, box[0], box[0] + box[2]);
  const up = scale(0, 1000, box[1] + box[3], box[1]);
  const crowd = episodes.paths.reduce((sum, path) => sum + path.points.length,
    0) / 2 > 1500;
  const elite = selection && selection.elite.length ? selection.elite : null;
  const order = episodes.paths.map((_, k) => k);
  // Elites last, so that they are on top.
  if (elite) order.sort((a, b) => elite[a] - elite[b]);
  for (const k of order) {
    const isElite = elite && elite[k];
    context.strokeStyle = themed(isElite ? "elite" : "other");
    context.globalAlpha = steps ? 0.18
      : isElite ? (crowd ? 0.4 : 0.9) : elite ? (crowd ? 0.25 : 0.4) : 0.6;
    context.lineWidth = isElite ? (crowd ? 1.2 : 1.8) : 1;
    trace(context, episodes.paths[k].points, across, up, isElite && !steps);
  }
  context.globalAlpha = 1;
  if (steps) dots(context, steps, across, up);
  context.restore();
  frame(context, box, episodes.ranges, names);
  canvas.setAttribute("aria-label", `Paths of ${episodes.paths.length} ` +
    `episodes: ${names[1]} over ${names[0]}`);
  legend(byId("plane-legend"), [
    ...(steps ? [[css(diverging(1)), "good step"],
      [css(diverging(-1)), "bad step"], [themed("ink"), "elite step", "ring"]]
      : [[themed("other"), "episode", "line"],
        ...(elite ? [[themed("elite"), "elite", "line"]] : [])]),
    ...(policy ? actionKeys(map) : []),
  ]);
}

function trace(context, points, across, up, marked) {
  context.beginPath();
  for (let place = 0; place < points.length; place += 2) {
    context.lineTo(across(points[place]), up(points[place + 1]));
  }
  context.stroke();
  if (!marked) return;
  const [x, y] = points.slice(-2);
  context.fillStyle = themed("elite");
  context.beginPath();
  context.arc(across(x), up(y), 2.6, 0, 7);
  context.fill();
}

function dots(context, {points, advantages, elite}, across, up) {
  const most = Math.max(...advantages.map((each) => Math.abs(each ?? 0)), 1e-9);
  advantages.forEach((_, step) => {
    const [x, y] = points.slice(2 * step, 2 * step + 2);
    context.fillStyle = css(diverging((advantages[step] ?? 0) / most));
    context.beginPath();
    context.arc(across(x), up(y), elite[step] ? 4 : 3, 0, 7);
    context.fill();
    if (!elite[step]) return;
    context.strokeStyle = themed("ink");
    context.lineWidth = 1.3;
    context.stroke();
  });
}
