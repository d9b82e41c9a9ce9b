// Decision maps of the policy.

import {ACTIONS, byId, css, frame, grid, legend, message, mix, pen}
  from "./draw.js";

const BACK = {light: [255, 255, 255], dark: [27, 32, 39]};
const dark = () => matchMedia("(prefers-color-scheme: dark)").matches;

// Paints a policy in a box; `strength` is how strong its colours are.
export function paint(context, map, policy, box, strength = 0.8) {
  const back = dark() ? BACK.dark : BACK.light;
  const {actions, shares} = policy;
  const least = map.actions ? 1 / map.actions : 0;
  grid(context, map.resolution, (place) => {
    const share = shares[place] / 100;
    if (!map.actions) {
      // Pale in the middle of the box.
      return mix(back, ACTIONS[share < 0.5 ? 0 : 1],
        strength * Math.min(Math.abs(2 * share - 1), 1));
    }
    // Pale where the policy is undecided.
    const sure = (share - least) / (1 - least);
    const color = ACTIONS[(actions[place] - map.first) % ACTIONS.length];
    return mix(back, color, strength * (0.15 + 0.85 * sure));
  }, box);
}

// Legend of the actions: pairs of a colour and a name.
export function actionKeys(map) {
  if (!map.actions) {
    return [[css(ACTIONS[0]), "low action"], [css(ACTIONS[1]), "high action"]];
  }
  const count = Math.min(map.actions, ACTIONS.length);
  return ACTIONS.slice(0, count).map(
    (color, action) => [css(color), `action ${action + map.first}`]);
}

export function maps({map, episodes}, done) {
  const shown = map && map.now;
  for (const [id, which] of [["map-before", "before"], ["map-now", "now"]]) {
    const canvas = byId(id);
    canvas.parentElement.hidden = Boolean(episodes) && !shown;
    if (canvas.parentElement.hidden) continue;
    const width = canvas.clientWidth, height = Math.round(width * 0.55);
    const [context] = pen(canvas, height);
    const box = [52, 4, width - 62, height - 42];
    if (!shown) {
      message(context, box, which === "before" ? "Appears after Play."
        : "Appears after Imitate.");
      continue;
    }
    // Until the update both are the policy that played.
    const policy = done ? map[which] : which === "before" ? map.now : null;
    if (policy) paint(context, map, policy, box);
    frame(context, box, episodes.ranges,
      episodes.axes.map((axis) => episodes.names[axis]));
    if (!policy) message(context, box, "Appears after Imitate.");
  }
  legend(byId("map-legend"), shown ? actionKeys(map) : []);
  byId("map-hint").textContent = hint(map, episodes, done);
}

function hint(map, episodes, done) {
  if (!episodes) return "";
  if (!map || !map.now) {
    return episodes.components < 2
      ? "No decision map: it needs observations that are vectors of at least " +
        "two numbers, or places of a grid."
      : "No decision map: choose two different components of the observation " +
        "below the paths.";
  }
  if (!done || !map.before) return "";
  const size = map.now.actions.length;
  if (!map.actions) return "";
  const changed = map.now.actions.filter(
    (action, place) => action !== map.before.actions[place]).length;
  return `The update changed the action on ${(100 * changed / size).toFixed(1)}` +
    " % of the plane. Pale: undecided.";
}
