// The card of a model: what is known of it in an order for reading, all else as it is.

import { count, el } from "./dom.js";
import { folded, scroller, table, tile } from "./tables.js";
import { MANY, asNode, isInterval, isMatrix, isObject, names, shownAs, terms, worded } from "./values.js";

const STATES = {
  AVAILABLE: ["good", "available"],
  START: ["unsure", "starting"],
  LOADING: ["unsure", "loading"],
  UNLOADING: ["unsure", "unloading"],
  END: ["", "ended"],
  NOT_SERVED: ["", "not served"],
  UNKNOWN: ["unsure", "unknown"],
};

/** A word in a box, with what it is at length. */
export const chip = (kind, text, title) => el("span", { className: `chip ${kind}`, title }, text);

/** How a version is, as the model server says. */
export const stateChip = (state) => chip(...(STATES[state] ?? ["", state]), state);

/** The children of a card that is read. */
export function cardOf(card) {
  const { name, version, state, precision, labels = [], intended_use, limits, metrics, ...used } = card;
  const { input_size, preprocessing, resize, temperature, temperatures, known_score, known_threshold, ...from } = used;
  const { data, base_weights, created, licence, ...more } = from;
  const input = Array.isArray(input_size) ? `${input_size.join(" × ")} pixels, RGB` : input_size;
  const temperatureOf = shownAs(temperatures ?? temperature);
  const how = { input, resize: resize && shownAs(resize), preprocessing, temperature: temperatureOf, known_score };
  const title = el("h2", { tabIndex: -1 }, `${name}/${version}`);
  const aims = [intended_use, limits].filter(Boolean).map((text) => el("p", {}, shownAs(text)));
  return [
    el("div", { className: "row" }, title, stateChip(state), precision && chip("", precision)),
    part("What it knows", names(labels)),
    aims.length > 0 && part("What it is for, and what not", ...aims),
    isObject(metrics) && part("How good it is", ...goodness(metrics, precision, labels)),
    part("How it is used", el("p", {}, thresholds(known_threshold, precision)), terms(how)),
    part("What it was made from", terms({ data, base_weights, created, licence })),
    Object.keys(more).length > 0 && part("More", terms(more)),
    folded("The card as JSON", () => scroller("The card as JSON", el("pre", {}, JSON.stringify(card, null, 1)))),
  ].filter(Boolean);
}

const part = (title, ...children) => el("section", { className: "card" }, el("h3", {}, title), ...children);

function thresholds(known, precision) {
  if (known === undefined || known === null) return "The card doesn't say when an answer is told as not sure.";
  const all = isObject(known) ? Object.entries(known) : [["", known]];
  const served = (name) => (name === precision ? " (as it is served)" : "");
  const each = all.map(([name, value]) => `${shownAs(value)}${name && ` in ${name}`}${served(name)}`);
  return `Answers whose score is below ${each.join(", ")} are told as not sure.`;
}

/** The metrics of a card; those of the precision that is served as tiles, all others folded. */
function goodness(metrics, precision, labels) {
  const measured = Object.entries(metrics).filter(([, value]) => isObject(value));
  if (!measured.length) return [terms(metrics)];
  const served = isObject(metrics[precision]) ? precision : measured[0][0];
  const known = figures(metrics[served]).filter(([, value]) => value !== "–");
  const rows = measured.map(([name, of]) => [name, ...figures(of).map(([, value]) => value)]);
  const compared = table(["Computed in", ...figures({}).map(([name]) => name)], rows);
  const splits = (of) => Object.entries(of).map(([split, value]) => oneSplit(split, value, labels));
  const all = (of) => el("div", { className: "measured" }, splits(of));
  const notes = Object.values(metrics).filter((value) => !isObject(value));
  return [
    el("p", { className: "faint" }, `Computed in ${served}${served === precision ? ", as it is served" : ""}:`),
    el("dl", { className: "tiles" }, known.map((one) => tile(...one))),
    measured.length > 1 && scroller("Precisions compared", compared),
    el("div", {}, measured.map(([name, of]) => folded(`All that was measured in ${name}`, () => all(of)))),
    ...notes.map((text) => el("p", { className: "faint small" }, shownAs(text))),
  ].filter(Boolean);
}

/** The figures that matter most: name, value and what it was measured on. */
function figures({ valid, held_back, foreign }) {
  const of = valid ?? held_back ?? {};
  const which = valid ? "that only report (valid)" : "held back (held_back)";
  const range = isInterval(of.interval) ? `; 95 % interval ${shownAs(of.interval, "interval")}` : "";
  const others = `of ${shownAs(foreign?.pictures)} pictures of no known class`;
  return [
    ["Right", shownAs(of.accuracy, "accuracy"), `of ${shownAs(of.pictures)} pictures ${which}${range}`],
    ["Sure", shownAs(of.confident, "confident"), "of the answers to the same"],
    ["Calibration error", shownAs(of.ece), "between confidence and what is right"],
    ["Unknowns caught", shownAs(foreign?.flagged, "flagged"), others],
  ];
}

function oneSplit(split, value, labels) {
  const title = el("h4", {}, worded(split));
  if (!isObject(value)) return el("div", {}, title, asNode(value, split));
  const isLong = ([, one]) => one !== null && typeof one === "object" && !isInterval(one);
  const entries = Object.entries(value);
  const short = Object.fromEntries(entries.filter((entry) => !isLong(entry)));
  const long = entries.filter(isLong).map(([key, one]) =>
    folded(worded(key), () => (key === "confusion" ? confusion(one, labels) : asNode(one, key))));
  return el("div", { className: "facts" }, title, terms(short, split === "robustness"), long);
}

function confusion(rows, labels) {
  if (!isMatrix(rows)) return asNode(rows, "confusion");
  const named = (i) => shownAs(labels[i] ?? `class ${i}`);
  return scroller("Confusions", rows.length > MANY ? mostMixedUp(rows, named) : matrix(rows, named));
}

function mostMixedUp(rows, named) {
  const cells = rows.flatMap((row, i) => row.map((times, j) => ({ i, j, times })));
  const wrong = cells.filter(({ i, j, times }) => i !== j && times);
  const most = wrong.sort((a, b) => b.times - a.times).slice(0, MANY);
  return table(["It shows", "Answered", "Pictures"], most.map(({ i, j, times }) => [named(i), named(j), count(times)]));
}

function matrix(rows, named) {
  const head = ["Shows ↓ answered →", ...rows.map((_, i) => named(i))];
  const made = table(head, rows.map((row, i) => [named(i), ...row.map((times) => shownAs(times))]));
  made.classList.add("confusion");
  rows.forEach((row, i) => {
    const sum = row.reduce((a, b) => a + b, 0);
    row.forEach((times, j) => {
      const cell = made.tBodies[0].rows[i].cells[j + 1];
      cell.className += times ? (i === j ? "" : " off") : " none";
      const shade = i === j ? (30 * times) / sum : Math.min(50, 12 + (100 * times) / sum);
      if (times) cell.style.setProperty("--shade", `${shade}%`);
    });
  });
  return made;
}
