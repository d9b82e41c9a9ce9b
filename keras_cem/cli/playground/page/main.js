// The page: what it hears is drawn once per frame of the screen.

import {ask, listen} from "./connection.js";
import {makeControls, showSettings} from "./controls.js";
import {curve} from "./curve.js";
import {byId, html, short} from "./draw.js";
import {films, play} from "./films.js";
import {histogram} from "./histogram.js";
import {maps} from "./maps.js";
import {makeNetworks, networks, networkStatus} from "./networks.js";
import {plane} from "./plane.js";

// The latest value of each part.
const parts = {};
// Milliseconds from the end of an iteration to its picture, of the last ones.
const lags = [];
window.playground = {lags};
const TEXTS = {live: "Connected", lost: "Connection lost. Trying again",
  Connecting: "Connecting"};
const BEFORE = {play: "imitate", select: "play", imitate: "select"};
const NAMES = {play: "Play", select: "Select", imitate: "Imitate"};

const done = () => parts.status && BEFORE[parts.status.next];

// Which parts each picture shows.
const PICTURES = [
  [["status"], status],
  [["settings"], () => parts.settings && showSettings(parts.settings)],
  [["progress", "settings"], facts],
  [["episodes", "selection", "steps", "map", "status"], () => {
    axes();
    plane(parts, done() !== "imitate");
  }],
  [["returns", "selection", "settings"], () =>
    parts.settings && histogram(parts, () => draw(["settings"]))],
  [["map", "episodes", "status"], () => maps(parts, done() === "imitate")],
  [["curve"], () => curve(parts)],
  [["greedy", "explored", "undrawn"], () => films(parts)],
];
const NETWORK_PICTURES = [
  [["network_status"], () => networkStatus(parts)],
  [["networks", "points"], () => networks(parts)],
];

const changed = new Set();
let asked = false;

function draw(names) {
  names.forEach((name) => changed.add(name));
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    const now = new Set(changed);
    changed.clear();
    const shown = byId("method").hidden ? NETWORK_PICTURES : PICTURES;
    for (const [needs, picture] of shown) {
      if (needs.some((name) => now.has(name))) picture();
    }
    if (now.has("progress") && parts.progress && parts.progress.computed) {
      lags.push(Date.now() - parts.progress.computed);
      lags.splice(0, lags.length - 200);
    }
  });
}

function heard(news) {
  Object.assign(parts, news);
  draw(Object.keys(news));
}

const everything = () => draw([...PICTURES, ...NETWORK_PICTURES]
  .flatMap(([needs]) => needs).filter((name) => name !== "progress"));

function status() {
  const {running, pace, busy, next, note, error} = parts.status;
  byId("run").textContent = running ? "Pause" : "Run";
  byId("stage").textContent = `Next stage: ${NAMES[next]}`;
  byId("stage").disabled = byId("iteration").disabled = running;
  byId("slow").checked = pace === "slow";
  for (const stage of Object.keys(NAMES)) {
    const card = byId(`card-${stage}`);
    card.classList.toggle("done", Boolean(parts.episodes) &&
      BEFORE[next] === stage && !(running && pace === "fast"));
    card.classList.toggle("busy", busy === stage);
  }
  const message = byId("message");
  message.textContent = error || (busy === "open" ? "Preparing." : note);
  message.classList.toggle("error", Boolean(error));
}

function facts() {
  if (!parts.progress) return;
  const {iteration, env_steps: steps, epsilon, metrics} = parts.progress;
  byId("fact-iteration").textContent = short(iteration);
  byId("fact-steps").textContent = short(steps);
  byId("fact-return").textContent = short(metrics.episode_return);
  byId("fact-epsilon").textContent = short(epsilon);
}

function axes() {
  const {episodes, settings} = parts;
  byId("axes").style.visibility = episodes ? "" : "hidden";
  if (!episodes) return;
  for (const [place, id] of ["axis-x", "axis-y"].entries()) {
    const select = byId(id);
    if (select.dataset.names !== episodes.names.join()) {
      select.dataset.names = episodes.names.join();
      select.replaceChildren(...episodes.names.map(
        (name, value) => html("option", {value}, name)));
    }
    select.value = episodes.axes[place];
  }
  byId("episode-label").hidden = settings?.elite_unit !== "step";
  const number = byId("episode");
  number.max = settings?.batch_size ?? 1;
  if (document.activeElement !== number) number.value = episodes.episode + 1;
}

async function tell(action) {
  const refused = await ask("act", action);
  if (refused) byId("message").textContent = refused;
}

function tabs() {
  const buttons = [...document.querySelectorAll("[role=tab]")];
  const choose = (chosen) => {
    for (const tab of buttons) {
      const on = tab === chosen;
      tab.setAttribute("aria-selected", on);
      tab.tabIndex = on ? 0 : -1;
      byId(tab.getAttribute("aria-controls")).hidden = !on;
    }
    if (chosen.id === "tab-networks") tell("open networks");
    everything();
  };
  buttons.forEach((tab, place) => {
    tab.onclick = () => choose(tab);
    tab.onkeydown = (event) => {
      if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
      const other = buttons[1 - place];
      other.focus();
      choose(other);
    };
  });
}

function buttons() {
  byId("run").onclick = () => tell(parts.status?.running ? "pause" : "run");
  for (const id of ["stage", "iteration", "reset"]) {
    byId(id).onclick = () => tell(id);
  }
  byId("slow").onchange = () => tell(byId("slow").checked ? "slow" : "fast");
  byId("axis-x").onchange = () => ask("view", "x", Number(byId("axis-x").value));
  byId("axis-y").onchange = () => ask("view", "y", Number(byId("axis-y").value));
  byId("episode").onchange = () =>
    ask("view", "episode", Number(byId("episode").value) - 1);
}

function connection(state) {
  const shown = byId("connection");
  shown.textContent = TEXTS[state];
  shown.className = state;
}

function animate(now) {
  play(now);
  requestAnimationFrame(animate);
}

const fields = await (await fetch("fields")).json();
makeControls(fields.training);
makeNetworks(fields.networks);
if (innerWidth < 736) byId("settings").open = false;
tabs();
buttons();
window.addEventListener("resize", everything);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", everything);
listen(heard, connection);
requestAnimationFrame(animate);
