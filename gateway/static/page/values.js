// Values of any shape that a card may hold, as words, lists and tables.

import { count, el } from "./dom.js";
import { folded, scroller, table } from "./tables.js";

/** From so many on they are folded, or only the most are told. */
export const MANY = 24;

const WORDS = {
  valid: "Pictures that only report (valid)",
  held_back: "Pictures held back to pick epoch, temperature and threshold (held_back)",
  foreign: "Pictures of none of the classes",
  unseen: "Of classes that training never saw",
  robustness: "Right when pictures are worse",
  explanation: "Heatmaps: is the hottest fifth what counts?",
  agreement: "Same top class as in float32",
  interval: "95 % interval",
  ece: "Calibration error (ECE)",
  ece_interval: "Its 95 % interval",
  auroc: "AUROC",
  f1: "F1",
  confident: "Answers that are sure",
  flagged: "Told as not sure",
  reliability: "Confidence and what was right",
  confusion: "Confusions",
  held: "Blanking it lowers the class more than blanking others",
  whole: "Mean probability, nothing blanked",
  hottest: "Mean probability, hottest fifth blanked",
  random: "Mean probability, random fifths blanked",
  known_score: "Score that tells the known",
  known_scores: "Scores that were compared",
  train: "Trained on",
  outliers: "Trained on as none of the classes",
  created: "Made on",
  licence: "Rights",
  int8: "The int8 copy",
};
const SHARES = new Set(["accuracy", "precision", "recall", "f1", "confident", "flagged", "held", "share", "interval"]);

export const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
export const isMatrix = (value) => Array.isArray(value) && value.length > 0 && value.every(Array.isArray);
export const isInterval = (value) => Array.isArray(value) && value.length === 2 && value.every(Number.isFinite);
const spaced = (key) => key.replaceAll("_", " ");
/** A key in words. */
export const worded = (key) =>
  Object.hasOwn(WORDS, key) ? WORDS[key] : key.charAt(0).toUpperCase() + spaced(key.slice(1));

/** Any value in a line; the key tells what kind of number it is. */
export function shownAs(value, key = "") {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number" && SHARES.has(key)) return `${Number((100 * value).toFixed(1))} %`;
  if (typeof value === "number") return Number.isInteger(value) ? count(value) : String(Number(value.toPrecision(4)));
  if (isInterval(value) && key.endsWith("interval")) return value.map((one) => shownAs(one, key)).join(" to ");
  if (Array.isArray(value)) return value.map((one) => shownAs(one, key)).join(", ") || "–";
  if (!isObject(value)) return String(value);
  return Object.entries(value).map(([name, one]) => `${spaced(name)} ${shownAs(one, name)}`).join(", ") || "–";
}

/** The same as a node, with tables and lists where there's more than a line. */
export function asNode(value, key) {
  const inLine = (row) => row.map((one) => shownAs(one));
  if (isMatrix(value)) return scroller(worded(key), table(headsOf(key, value), value.map(inLine)));
  const numbered = (one, i) => [String(i + 1), one];
  if (Array.isArray(value) && value.length && value.every(isObject)) return records(value.map(numbered), key);
  if (Array.isArray(value) && value.length > 4) return names(value);
  const entries = isObject(value) ? Object.entries(value) : [];
  if (entries.length > 1 && entries.every(([, one]) => isObject(one))) return records(entries, key);
  return entries.length ? terms(value) : shownAs(value, key);
}

/** Class names; beyond many they are folded. */
export function names(labels) {
  if (!Array.isArray(labels)) return el("p", {}, shownAs(labels));
  const one = (name) => el("li", { className: "chip" }, shownAs(name));
  const listed = (some) => el("ul", { className: "row chips" }, some.map(one));
  if (labels.length <= MANY) return listed(labels);
  const others = labels.slice(MANY);
  return el("div", {}, listed(labels.slice(0, MANY)), folded(`And ${others.length} more`, () => listed(others)));
}

const headsOf = (key, [first]) =>
  key === "reliability" ? ["Confidence around", "Mean", "Right", "Pictures"] : first.map((_, i) => String(i + 1));

/** Objects of much the same keys, as a table. */
function records(entries, key) {
  const keys = [...new Set(entries.flatMap(([, one]) => Object.keys(one)))];
  const rows = entries.map(([name, one]) => [name, ...keys.map((column) => shownAs(one[column], column))]);
  return scroller(worded(key), table([worded(key), ...keys.map(worded)], rows));
}

/** Keys and values; where all are shares of the same kind the keys are names. */
export function terms(values, areShares = false) {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  const rows = entries.map(([key, value]) => {
    const make = () => asNode(value, areShares ? "share" : key);
    const node = isObject(value) && Object.keys(value).length > 5 ? folded("Show", make) : make();
    const className = typeof node === "string" ? "" : "deep";
    return el("div", { className }, el("dt", {}, areShares ? key : worded(key)), el("dd", {}, node));
  });
  return el("dl", { className: "terms" }, rows);
}
