// The returns, and the line gamma_q, which can be dragged.

import {byId, label, legend, scale, short, sideways, svg, themed, ticks}
  from "./draw.js";
import {ask} from "./connection.js";

const [LEFT, BOTTOM, TOP, RIGHT] = [48, 34, 34, 12];
// Milliseconds between two requests while the line is dragged.
const EVERY = 60;
// While the line is dragged, and while answers to its last moves may come.
let dragged = null, moved = null;
// Milliseconds that these may take.
const SETTLED = 1000;
let settling = 0;
let asked = 0, later = 0;
let scene = null;

// Tells the program of a new q, not too often.
function tell(q, last) {
  clearTimeout(later);
  const wait = EVERY - (performance.now() - asked);
  const now = () => {
    asked = performance.now();
    ask("change", "elite_quantile", q);
  };
  if (last || wait <= 0) now();
  else later = setTimeout(now, wait);
}

const clip = (q) => Math.min(0.99, Math.max(0.01, Math.round(q * 100) / 100));

// The quantile of a return.
function quantileOf(value, quantiles) {
  const above = quantiles.findIndex((each) => each >= value);
  if (above < 0) return 0.99;
  if (above === 0) return 0.01;
  const [low, high] = [quantiles[above - 1], quantiles[above]];
  return clip((above - 1 + (value - low) / (high - low || 1)) / 100);
}

const present = () =>
  dragged ?? moved ?? scene.parts.settings.elite_quantile;

export function histogram(parts, redraw) {
  const plot = byId("histogram");
  const width = Math.max(plot.clientWidth, 200);
  const height = Math.round(width * 0.95);
  plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
  plot.style.height = `${height}px`;
  scene = {parts, redraw, plot};
  // The line keeps its focus, so it stays where it is.
  const handle = plot.querySelector(".handle") || makeHandle(plot);
  const back = plot.querySelector(".back") || svg(plot, "g", {class: "back"});
  plot.prepend(back);
  back.replaceChildren();
  const {returns, selection, settings} = parts;
  const ofSteps = settings.elite_unit === "step";
  byId("ranked-episodes").hidden = ofSteps;
  byId("ranked-steps").hidden = !ofSteps;
  const empty = !returns || !returns.quantiles.length;
  handle.style.display = empty ? "none" : "";
  legend(byId("histogram-legend"), empty ? [] : keys(parts));
  byId("histogram-hint").textContent = empty ? "" : selection &&
    !selection.number ? "None is elite, so this iteration learns nothing. " +
      "Try inclusive ties, more episodes or more exploration."
    : "Drag the line, or focus it and use the arrow keys.";
  const floor = height - BOTTOM;
  if (empty) {
    svg(back, "text", {x: width / 2, y: height / 2, "text-anchor": "middle",
      class: "empty"}, "Returns appear after Play.");
    return;
  }
  const {edges, counts, quantiles} = returns;
  const most = Math.max(...counts);
  const across = scale(edges[0], edges[edges.length - 1], LEFT, width - RIGHT);
  const up = scale(0, most, floor, TOP);
  for (const tick of ticks(0, most, 3).filter(Number.isInteger)) {
    svg(back, "line", {x1: LEFT, x2: width - RIGHT, y1: up(tick), y2: up(tick),
      stroke: themed("grid")});
    svg(back, "text", {x: LEFT - 5, y: up(tick) + 4, "text-anchor": "end"},
      label(tick));
  }
  counts.forEach((count, bin) => {
    const x = across(edges[bin]) + 0.5;
    const box = {x, width: Math.max(across(edges[bin + 1]) - x - 0.5, 1)};
    const bar = (from, to, color) => svg(back, "rect", {...box, y: up(to),
      height: up(from) - up(to), fill: themed(color)});
    const elite = selection ? selection.counts[bin] ?? 0 : 0;
    if (count > elite) bar(0, count - elite, "other");
    if (elite) bar(count - elite, count, "elite");
  });
  for (const tick of ticks(edges[0], edges[edges.length - 1], 4)) {
    svg(back, "text", {x: across(tick), y: floor + 15,
      "text-anchor": "middle"}, label(tick));
  }
  svg(back, "text", {x: (LEFT + width) / 2, y: height - 3,
    "text-anchor": "middle"},
  ofSteps ? "advantage of a step" : "return G");
  sideways(back, 13, (TOP + floor) / 2, ofSteps ? "steps" : "episodes");
  place(handle, across, floor, width, quantiles);
  scene.value = scale(LEFT, width - RIGHT, edges[0], edges[edges.length - 1]);
}

function keys({selection, returns, settings}) {
  const what = settings.elite_unit === "step" ? "steps" : "episodes";
  return selection
    ? [[themed("elite"), `${short(selection.number)} elite`], [themed("other"),
      `${short(returns.size - selection.number)} other ${what}`]]
    : [[themed("other"), `${short(returns.size)} ${what}`]];
}

function place(handle, across, floor, width, quantiles) {
  const q = present();
  const threshold = quantiles[Math.round(100 * q)];
  const x = across(threshold);
  const [line, grip, about] = handle.children;
  for (const [name, value] of Object.entries({x1: x, x2: x, y1: TOP - 8,
    y2: floor})) line.setAttribute(name, value);
  grip.setAttribute("cx", x);
  grip.setAttribute("cy", TOP - 8);
  about.textContent = `q = ${q.toFixed(2)}, γ = ${short(threshold)}`;
  // On the side with more room, and never past an edge.
  const length = about.getComputedTextLength();
  about.setAttribute("x", Math.max(0, x > (LEFT + width) / 2 ? x - 13 - length
    : Math.min(x + 13, width - length)));
  about.setAttribute("y", TOP - 12);
  handle.setAttribute("aria-valuenow", q);
  handle.setAttribute("aria-valuetext",
    `q ${q.toFixed(2)}, threshold ${short(threshold)}`);
}

function makeHandle(plot) {
  const handle = svg(plot, "g", {class: "handle", role: "slider", tabindex: 0,
    "aria-label": "Elite quantile q", "aria-valuemin": 0.01,
    "aria-valuemax": 0.99, "aria-orientation": "horizontal"});
  svg(handle, "line", {stroke: "var(--ink)", "stroke-width": 2.5});
  svg(handle, "circle", {class: "grip", r: 9, fill: "var(--card)",
    stroke: "var(--ink)", "stroke-width": 2.5});
  svg(handle, "text", {class: "label"});
  const set = (q, last) => {
    dragged = last ? null : q;
    moved = q;
    clearTimeout(settling);
    settling = setTimeout(() => {
      moved = null;
      scene.redraw();
    }, SETTLED);
    tell(q, last);
    scene.redraw();
  };
  const at = (event) => {
    const box = plot.getBoundingClientRect();
    return quantileOf(scene.value(event.clientX - box.left),
      scene.parts.returns.quantiles);
  };
  handle.addEventListener("pointerdown", (event) => {
    handle.setPointerCapture(event.pointerId);
    handle.focus();
    dragged = present();
    event.preventDefault();
  });
  handle.addEventListener("pointermove", (event) => {
    if (dragged !== null) set(at(event), false);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    handle.addEventListener(end, () => {
      if (dragged !== null) set(dragged, true);
    });
  }
  handle.addEventListener("keydown", (event) => {
    const steps = {ArrowLeft: -0.01, ArrowDown: -0.01, ArrowRight: 0.01,
      ArrowUp: 0.01, PageDown: -0.1, PageUp: 0.1, Home: -1, End: 1};
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    set(clip(present() + step), true);
  });
  return handle;
}
