// The lecture's networks on points of a plane.

import {ask} from "./connection.js";
import {byId, css, diverging, grid, html, legend, mix, pen, scale, short, svg,
  themed} from "./draw.js";

const LABELS = {dataset: "Points", activation: "Activation",
  learning_rate: "Learning rate", noise: "Noise"};
const cards = [];

export function makeNetworks(choices) {
  const form = byId("network-form");
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const [name, values] of Object.entries(choices)) {
    const select = html("select", {id: `network-${name}`},
      ...values.map((value) => html("option", {value}, String(value))));
    select.addEventListener("change", () => ask("change_networks", name,
      typeof values[0] === "number" ? Number(select.value) : select.value));
    form.append(html("label", {}, LABELS[name], select));
  }
  byId("network-reset").onclick = () => ask("act", "reset networks");
}

export function networkStatus({network_status: status}) {
  if (!status) return;
  const run = byId("network-run");
  run.textContent = status.running ? "Pause" : "Run";
  run.onclick = () =>
    ask("act", status.running ? "pause networks" : "run networks");
  for (const [name, value] of Object.entries(status.settings)) {
    byId(`network-${name}`).value = value;
  }
}

function card() {
  const made = {title: html("h2"), canvas: html("canvas", {role: "img"}),
    score: html("span"), loss: html("span"),
    plot: svg(document.createElement("div"), "svg", {role: "img",
      "aria-label": "Loss over epochs"})};
  byId("network-cards").append(html("section", {class: "card"}, made.title,
    made.canvas, html("p", {}, made.score, made.loss), made.plot));
  return made;
}

export function networks({networks: given, points}) {
  if (!given || !points) return;
  byId("fact-epoch").textContent = short(given.epoch);
  given.networks.forEach((network, place) => {
    cards[place] ||= card();
    draw(cards[place], network, given.resolution, points);
  });
  const [high, low] = points.regression ? ["value 1", "value −1"]
    : ["class 1, triangles", "class 0, circles"];
  legend(byId("network-legend"), [[css(diverging(1)), high],
    [css(diverging(-1)), low], [themed("ink"), "boundary, value 0", "line"]]);
}

const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

function draw(card, network, resolution, points) {
  const {layers, units, surface, score, curve} = network;
  const name = `${plural(layers, "layer")} × ${plural(units, "neuron")}`;
  card.title.textContent = name;
  card.score.textContent = points.regression ? `R² ${score.toFixed(2)}`
    : `accuracy ${(100 * score).toFixed(1)} %`;
  const loss = curve.length ? curve[curve.length - 1][1] : null;
  card.loss.textContent = `loss ${short(loss)}`;
  card.canvas.setAttribute("aria-label", `${name}: ${card.score.textContent}`);
  const size = card.canvas.clientWidth, [context] = pen(card.canvas, size);
  const back = matchMedia("(prefers-color-scheme: dark)").matches
    ? [27, 32, 39] : [255, 255, 255];
  grid(context, resolution, (place) => {
    const value = surface[place] / 1000;
    return mix(back, diverging(value < 0 ? -1 : 1),
      0.06 + 0.6 * Math.abs(value));
  }, [0, 0, size, size]);
  boundary(context, surface, resolution, size);
  scatter(context, points, size);
  losses(card.plot, curve);
}

// The line on which the surface is 0, square by square.
function boundary(context, surface, resolution, size) {
  const cell = size / resolution;
  const at = (column, row) => surface[row * resolution + column] || 1e-6;
  const spot = (column, row) =>
    [(column + 0.5) * cell, size - (row + 0.5) * cell];
  context.strokeStyle = themed("ink");
  context.lineWidth = 1.6;
  context.beginPath();
  for (let row = 0; row < resolution - 1; row += 1) {
    for (let column = 0; column < resolution - 1; column += 1) {
      const corners = [[column, row], [column + 1, row],
        [column + 1, row + 1], [column, row + 1]];
      const crossed = [];
      corners.forEach((a, side) => {
        const b = corners[(side + 1) % 4], [u, v] = [at(...a), at(...b)];
        if ((u < 0) === (v < 0)) return;
        const share = u / (u - v), [p, q] = [spot(...a), spot(...b)];
        crossed.push([0, 1].map((i) => p[i] + share * (q[i] - p[i])));
      });
      for (let end = 0; end + 1 < crossed.length; end += 2) {
        context.moveTo(...crossed[end]);
        context.lineTo(...crossed[end + 1]);
      }
    }
  }
  context.stroke();
}

function scatter(context, {extent, regression, points}, size) {
  const across = scale(-extent, extent, 0, size);
  context.lineWidth = 0.8;
  context.strokeStyle = themed("card");
  for (const [x, y, target] of points) {
    const value = regression ? target : 2 * target - 1;
    const [h, v] = [across(x), size - across(y)];
    context.fillStyle = css(mix(diverging(value), [0, 0, 0], 0.25));
    context.beginPath();
    if (!regression && target === 1) {
      context.moveTo(h, v - 4.2);
      context.lineTo(h + 3.8, v + 3);
      context.lineTo(h - 3.8, v + 3);
      context.closePath();
    } else {
      context.arc(h, v, 3.1, 0, 7);
    }
    context.fill();
    context.stroke();
  }
}

function losses(plot, rows) {
  const width = Math.max(plot.clientWidth, 100), height = 56;
  plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
  plot.style.height = `${height}px`;
  plot.replaceChildren();
  svg(plot, "line", {x1: 0, x2: width, y1: height - 1, y2: height - 1,
    stroke: themed("line")});
  if (rows.length < 2) return;
  const across = scale(1, rows[rows.length - 1][0], 0, width);
  const up = scale(0, Math.max(...rows.map((row) => row[1])), height - 2, 4);
  svg(plot, "polyline", {fill: "none", stroke: themed("accent"),
    "stroke-width": 2, points: rows.filter((row) => row[1] !== null)
      .map((row) => `${across(row[0])},${up(row[1])}`).join(" ")});
}
