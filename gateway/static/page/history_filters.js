// Which predictions? The filters, and what follows the picker.

import * as api from "./api.js";
import { chosen, models, named } from "./chosen.js";
import { button, el } from "./dom.js";
import { go, upwards } from "./history_moves.js";
import { EVERY, HOME, hashOf, isFiltered, past } from "./history_state.js";

const classes = new Map(); // promises of class names, by model and version

const chooser = (name, changed = (value) => ({ [name]: value })) =>
  el("select", { name, onchange: (event) => filterBy(changed(event.target.value)) });
const controls = {
  label: chooser("label"),
  model: chooser("model", modelOf),
  since: dayInput("since"),
  until: dayInput("until"),
  confident: chooser("confident"),
  corrected: chooser("corrected"),
};
const TITLES = {
  label: "Label",
  model: "Model",
  since: "From (UTC day)",
  until: "Until (UTC day)",
  confident: "Certainty",
  corrected: "Correction",
};

/** A button that takes all filters away. */
export const clearer = () => button("Clear filters", () => go(HOME, true));

const clear = clearer();
const field = ([name, title]) => el("label", { className: "field" }, title, controls[name]);
const fields = Object.entries(TITLES).map(field);
const form = el("form", { "aria-label": "Filters", onsubmit: (event) => event.preventDefault() }, fields, clear);

/** The filters, folded where there's little room. */
export const filters = el("details", { className: "past-filters" }, el("summary", {}, "Filters"), form);

/** Says that only the picked model's are listed. */
export const pickedNote = el("p", { className: "small faint past-picked" });

function filterBy(changed) {
  go(hashOf({ ...past.asked.said, ...changed }));
}

function modelOf(value) {
  const slash = value.lastIndexOf("/");
  return slash < 0 ? { model: value, version: "" } : { model: value.slice(0, slash), version: value.slice(slash + 1) };
}

/** Date fields tell of every digit of a year: what they say counts once nothing more comes. */
function dayInput(name) {
  let typing = 0;
  const said = () => {
    typing = 0;
    const { asked } = past;
    if (asked && input.validity.valid && input.value !== dayOf(asked.said[name])) filterBy({ [name]: input.value });
  };
  const later = (ms) => {
    clearTimeout(typing);
    typing = setTimeout(said, ms);
  };
  const heard = { onchange: () => later(700), onblur: () => typing && later(0) };
  const input = el("input", { type: "date", name, min: "1970-01-01", max: "9999-12-30", ...heard });
  return input;
}

const dayOf = (moment) => moment.slice(0, 10);

/** Show what is asked for. */
export function paintFilters() {
  const { said, follows, picked } = past.asked;
  const any = isFiltered(said, picked);
  clear.classList.toggle("past-away", !any);
  if (!filters.dataset.opened || any) filters.open = any || matchMedia("(min-width: 44rem)").matches;
  filters.dataset.opened = "true";
  for (const [name, word, other] of [["confident", "Sure", "Not sure"], ["corrected", "Corrected", "Not corrected"]]) {
    fill(controls[name], [["", `${word} or not`], ["true", word], ["false", other]], said[name]);
  }
  for (const name of ["since", "until"]) {
    const day = dayOf(said[name]);
    if (controls[name].value !== day) controls[name].value = day;
  }
  const all = el("a", { href: hashOf({ ...said, model: EVERY }), onclick: upwards }, "Show all models");
  const only = `Only what ${picked} answered, as picked at the top. `;
  pickedNote.replaceChildren(...(follows && picked ? [only, all] : []));
  paintLabels(past.asked);
  paintModels(past.asked);
}

/** Put options in, unless they are there; a value that isn't among them joins them, so that it is seen. */
function fill(select, pairs, value) {
  const all = pairs.some(([one]) => one === value) ? pairs : [...pairs, [value, value]];
  const told = JSON.stringify(all);
  const option = ([one, text]) => el("option", { value: one }, text);
  if (select.dataset.told !== told) select.replaceChildren(...all.map(option));
  select.dataset.told = told;
  select.value = value;
}

async function paintLabels(asked) {
  const paint = (names) =>
    fill(controls.label, [["", "Any label"], ...names.map((name) => [name, name])], asked.said.label);
  paint([]);
  const { model, version } = asked.query;
  const names = await (asked.follows || !model ? api.classes(chosen()).catch(() => []) : labelsOf(model, version));
  if (asked === past.asked) paint(names);
}

/** The class names of a model's version, asked for once; none where they can't be known now. */
export function labelsOf(model, version) {
  const key = named(model, version);
  if (!classes.has(key)) classes.set(key, api.classes({ model, version }));
  return classes.get(key).catch(() => {
    classes.delete(key);
    return [];
  });
}

async function paintModels(asked) {
  const { said, picked } = asked;
  const value = said.model === EVERY && !picked ? "" : named(said.model, said.version);
  const first = picked ? [["", `${picked}, as picked`], [EVERY, "All models"]] : [["", "All models"]];
  const paint = (known) => fill(controls.model, [...first, ...known.flatMap(choices)], value);
  paint(models());
  if (models().length) return;
  const told = await api.models().catch(() => ({ models: [] }));
  if (asked === past.asked) paint(told.models);
}

const choices = ({ name, versions }) => [
  [name, `${name}, all versions`],
  ...versions.map(({ version }) => [named(name, version), named(name, version)]),
];
