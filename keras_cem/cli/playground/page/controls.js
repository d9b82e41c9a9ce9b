// The settings, made from what the program says of them.

import {ask} from "./connection.js";
import {byId, html} from "./draw.js";

const GROUPS = {
  "Environment": ["env", "max_episode_steps", "seed"],
  "Method": ["batch_size", "elite_quantile", "ties", "elite_unit"],
  "Exploration": ["epsilon", "epsilon_schedule", "epsilon_steps"],
  "Learning": ["learning_rate", "gradient_steps", "optimizer"],
  "Network": ["layers", "units", "activation"],
};
let known = {};

function input(field) {
  const id = `setting-${field.name}`;
  if (field.choices.length) {
    return html("select", {id}, ...field.choices.map(
      (choice) => html("option", {value: choice}, choice)));
  }
  if (field.kind === "str") {
    return html("input", {id, type: "text", list: `${id}-list`,
      spellcheck: "false"});
  }
  return html("input", {id, type: "number", min: field.least, max: field.most,
    step: field.kind === "int" ? 1 : "any"});
}

function row(field) {
  const control = input(field);
  const problem = html("span", {class: "problem", role: "alert"});
  const name = html("span", {}, field.label);
  if (field.effect === "anew") {
    name.append(" ", html("span", {class: "anew", title: "Starts a new training",
      role: "img", "aria-label": "starts a new training"}));
  }
  if (field.help) control.title = field.help;
  control.addEventListener("change", async () => {
    const value = field.kind === "str" ? control.value : Number(control.value);
    document.querySelectorAll(".problem").forEach(
      (each) => each.replaceChildren());
    problem.textContent = control.value === "" ? "Give a value."
      : await ask("change", field.name, value);
    if (problem.textContent) control.value = known[field.name];
  });
  control.addEventListener("blur", () => {
    control.value = known[field.name];
  });
  const made = html("label", {class: field.kind === "str" &&
    !field.choices.length ? "field wide" : "field"}, name, control, problem);
  if (field.suggestions.length) {
    made.append(html("datalist", {id: `setting-${field.name}-list`},
      ...field.suggestions.map((each) => html("option", {value: each}))));
  }
  return made;
}

export function makeControls(fields) {
  const form = byId("form");
  form.addEventListener("submit", (event) => event.preventDefault());
  const named = Object.fromEntries(fields.map((field) => [field.name, field]));
  for (const [group, names] of Object.entries(GROUPS)) {
    form.append(html("fieldset", {}, html("legend", {}, group),
      ...names.map((name) => row(named[name]))));
  }
}

export function showSettings(settings) {
  known = settings;
  for (const [name, value] of Object.entries(settings)) {
    const control = byId(`setting-${name}`);
    // Not while somebody types.
    if (control !== document.activeElement || control.matches("select")) {
      control.value = value;
    }
  }
}
