// Which models are there, how are they, and what does the card of one say?

import * as api from "./api.js";
import { scroller, table, tile } from "./charts.js";
import { chosen } from "./chosen.js";
import { count, el, toast } from "./dom.js";
import { poll, trouble, untrouble } from "./statistics.js";

const STATES = {
  AVAILABLE: ["good", "available"],
  START: ["unsure", "starting"],
  LOADING: ["unsure", "loading"],
  UNLOADING: ["unsure", "unloading"],
  END: ["", "ended"],
  NOT_SERVED: ["", "not served"],
  UNKNOWN: ["unsure", "unknown"],
};
const MANY = 24; // from so many classes on they are folded, and what is mixed up is a list

let view = null;
let stop = () => {};
let follow = ""; // the link in the list that was followed: its card gets the focus

export function enter(section, wanted) {
  stop();
  view ??= built(section);
  const cards = new Map();
  const ask = (signal) => found(wanted, cards, signal);
  const fail = (problem) => view.notice.replaceChildren(trouble(problem, again));
  const again = () => {
    stop();
    stop = poll(ask, (answer) => show(answer, again), fail);
  };
  again();
}

export function leave() {
  stop();
}

function built(section) {
  const made = {
    notice: el("div", { className: "slot" }),
    list: el("div", { className: "models" }),
    card: el("article", { className: "model-card", "aria-label": "Model card" }),
    listed: "",
    carded: "",
  };
  const beside = el("div", { className: "beside" }, made.list, made.card);
  section.replaceChildren(el("h1", { tabIndex: -1 }, "Models"), made.notice, beside);
  return made;
}

/** The models, and the card of the wanted version, of the one in use, or else of the first. */
async function found(wanted, cards, signal) {
  const list = await api.json("/models", { signal });
  const used = inUse(list);
  const name = wanted.get("model") || used.model || list.models[0]?.name;
  const versions = list.models.find((model) => model.name === name)?.versions ?? [];
  const version = wanted.get("version") || (name === used.model && used.version) || versions[0]?.version;
  const entry = versions.find((one) => String(one.version) === String(version));
  const answer = { list, used, shown: { name, version: String(version ?? ""), entry } };
  if (!entry || entry.usable === false) return answer;
  const key = JSON.stringify(entry);
  try {
    const path = `/models/${encodeURIComponent(name)}${api.query({ version })}`;
    if (!cards.has(key)) cards.set(key, await api.json(path, { signal }));
    return { ...answer, card: cards.get(key) };
  } catch (error) {
    if (!(error instanceof api.Problem)) throw error;
    const { code, message, advice } = error;
    return { ...answer, wrong: { code, message, advice } };
  }
}

/** What is picked, with the version that answers then. */
function inUse({ default: usual, models }) {
  const { model, version } = chosen();
  const name = model || usual;
  const answers = ({ state, usable }) => state === "AVAILABLE" && usable !== false;
  const newest = models.find((one) => one.name === name)?.versions.find(answers);
  return { model: name, version: version || String(newest?.version ?? "") };
}

function show(answer, again) {
  const { list, used, shown, card, wrong } = answer;
  const silent = ({ versions }) => versions.length > 0 && versions.every(({ state }) => state === "UNKNOWN");
  untrouble(view.notice);
  if (list.models.some(silent)) view.notice.append(away());
  const listed = JSON.stringify([list, used, shown]);
  if (listed !== view.listed) keepFocus(() => view.list.replaceChildren(...allModels(list, used, shown)));
  const carded = JSON.stringify([shown, card, wrong]);
  if (carded !== view.carded) view.card.replaceChildren(...(card ? cardOf(card) : without(shown, wrong, again)));
  Object.assign(view, { listed, carded });
  if (follow && follow === fullName(shown)) view.card.querySelector("h2").focus();
  follow = "";
}

function keepFocus(change) {
  const id = view.list.contains(document.activeElement) ? document.activeElement.id : "";
  change();
  if (id) document.getElementById(id)?.focus();
}

const fullName = ({ name, version }) => (version ? `${name}/${version}` : name);
const away = () =>
  el("p", { className: "notice unsure", role: "status" }, "The model server doesn't say what it serves. ",
    "This page keeps asking; the cards can be read meanwhile.");

function without(shown, wrong, again) {
  if (!shown.name) return [];
  const unread = `This version has no card that can be read: ${shown.entry?.problem || "nothing says why"}.`;
  const said = shown.entry ? unread : "There is no such version. Choose one from the list.";
  const told = wrong ? trouble(wrong, again) : el("p", { className: "notice" }, said);
  return [el("h2", { tabIndex: -1 }, fullName(shown)), told];
}

// ---- The list

function allModels(list, used, shown) {
  if (list.models.length) return list.models.map((model) => oneModel(model, list.default, used, shown));
  const advice = "Each version of a model needs a card, at NAME/VERSION/assets.extra/card.json in the model folder.";
  return [el("div", { className: "empty" }, el("strong", {}, "No models"), el("p", {}, advice))];
}

function oneModel({ name, versions }, usual, used, shown) {
  const rows = versions.map((entry) => oneVersion({ name, ...entry, version: String(entry.version) }, used, shown));
  return el("section", { className: "card", "aria-label": name },
    el("div", { className: "row" }, el("h2", {}, name), name === usual && chip("", "default")), el("ul", {}, rows));
}

const chip = (kind, text, title) => el("span", { className: `chip ${kind}`, title }, text);
const stateChip = (state) => chip(...(STATES[state] ?? ["", state]), state);

function oneVersion(entry, used, shown) {
  const { name, version, state, precision, usable, problem } = entry;
  const full = fullName(entry);
  const isUsed = name === used.model && version === used.version;
  const isShown = name === shown.name && version === shown.version;
  const link = el("a", {
    id: `card-${full}`,
    href: `#/models${api.query({ model: name, version })}`,
    "aria-label": `Version ${version} of ${name}`,
    "aria-current": isShown ? "true" : null,
    onclick: () => (follow = full),
  }, `Version ${version}`);
  const use = el("button", {
    type: "button",
    id: `use-${full}`,
    className: "quiet small",
    "aria-label": `${isUsed ? "In use" : "Use this"}: ${full}`,
    "aria-disabled": isUsed ? "true" : null, // disabled it would lose the focus
    disabled: !isUsed && (state !== "AVAILABLE" || usable === false),
    onclick: () => isUsed || pick(full),
  }, isUsed ? "In use" : "Use this");
  const chips = [stateChip(state), precision && chip("", precision), usable === false && chip("bad", "not usable")];
  const about = el("div", {}, link, el("div", { className: "row chips" }, chips));
  return el("li", {}, about, use, problem && el("p", { className: "small wrong" }, problem));
}

function pick(full) {
  const picker = document.getElementById("model");
  const listed = [...picker.options].some((option) => option.value === full);
  if (!listed) picker.append(el("option", { value: full }, full)); // it came after the picker was filled
  picker.value = full;
  picker.dispatchEvent(new Event("change"));
  toast(`${full} is asked from now on.`);
}

// ---- The card: what is known of it in an order for reading, all else as it is

function cardOf(card) {
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

/** Folded, and made when it is opened. */
function folded(title, make) {
  const fill = () => node.open && node.children.length < 2 && node.append(make());
  const node = el("details", { ontoggle: fill }, el("summary", {}, title));
  return node;
}

function names(labels) {
  if (!Array.isArray(labels)) return el("p", {}, shownAs(labels));
  const one = (name) => el("li", { className: "chip" }, shownAs(name));
  const listed = (some) => el("ul", { className: "row chips" }, some.map(one));
  if (labels.length <= MANY) return listed(labels);
  const others = labels.slice(MANY);
  return el("div", {}, listed(labels.slice(0, MANY)), folded(`And ${others.length} more`, () => listed(others)));
}

function thresholds(known, precision) {
  if (known === undefined || known === null) return "The card doesn't say when an answer is told as not sure.";
  const all = isObject(known) ? Object.entries(known) : [["", known]];
  const served = (name) => (name === precision ? " (as it is served)" : "");
  const each = all.map(([name, value]) => `${shownAs(value)}${name && ` in ${name}`}${served(name)}`);
  return `Answers whose score is below ${each.join(", ")} are told as not sure.`;
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

// ---- Values of any shape

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

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isMatrix = (value) => Array.isArray(value) && value.length > 0 && value.every(Array.isArray);
const isInterval = (value) => Array.isArray(value) && value.length === 2 && value.every(Number.isFinite);
const spaced = (key) => key.replaceAll("_", " ");
const worded = (key) => (Object.hasOwn(WORDS, key) ? WORDS[key] : key.charAt(0).toUpperCase() + spaced(key.slice(1)));

/** Any value in a line; the key tells what kind of number it is. */
function shownAs(value, key = "") {
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
function asNode(value, key) {
  const inLine = (row) => row.map((one) => shownAs(one));
  if (isMatrix(value)) return scroller(worded(key), table(headsOf(key, value), value.map(inLine)));
  const numbered = (one, i) => [String(i + 1), one];
  if (Array.isArray(value) && value.length && value.every(isObject)) return records(value.map(numbered), key);
  if (Array.isArray(value) && value.length > 4) return names(value);
  const entries = isObject(value) ? Object.entries(value) : [];
  if (entries.length > 1 && entries.every(([, one]) => isObject(one))) return records(entries, key);
  return entries.length ? terms(value) : shownAs(value, key);
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
function terms(values, areShares = false) {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  const rows = entries.map(([key, value]) => {
    const make = () => asNode(value, areShares ? "share" : key);
    const node = isObject(value) && Object.keys(value).length > 5 ? folded("Show", make) : make();
    const className = typeof node === "string" ? "" : "deep";
    return el("div", { className }, el("dt", {}, areShares ? key : worded(key)), el("dd", {}, node));
  });
  return el("dl", { className: "terms" }, rows);
}
