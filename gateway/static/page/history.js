// What was predicted so far? A list to filter, to correct and to delete from; new predictions join it by themselves.

import * as api from "./api.js";
import { chosen, labels, models } from "./chosen.js";
import { bar, el, percent, plural, toast, when } from "./dom.js";

const HOME = "#/history";
const LIMIT = 24;
const SOON_MS = 3000;
const LATE_MS = 15_000;
const UNDO_S = 8;
const NAMES = ["label", "model", "version", "since", "until", "confident", "corrected"];
const EVERY = "*"; // as the model in the address: all of them, whichever is picked

let stay = null; // aborted when the view is left
let asking = null; // aborted when the list is asked for anew
let asked = null; // what the address and the picker ask for
let listedFor = null; // the key of what is listed
let items = [];
let next = null;
let known = new Set(); // ids that this list has had
let floor = ""; // what is older than this moment isn't new, it only moved up
let failure = null;
let held = 0; // new ones that wait for the reader's click
let changes = 0; // answers to what was asked before a change are out of date
let wait = SOON_MS;
let polling = 0;
let resume = null; // where this entry of the browser's history was scrolled to
let toTop = false;
const gone = new Map(); // what was deleted here; unless it is sent, it may be put back: { item, key, sent } by id
const rows = new Map(); // { node, told } by id
const classes = new Map(); // promises of labels, by model and version

const heading = el("h1", { tabIndex: -1 }, "History");
const lately = el("p", { className: "faint small past-lately" });
const status = el("p", { className: "unseen", role: "status" });
const wrong = el("div", { className: "past-wrong", role: "alert" });
const pickedNote = el("p", { className: "small faint past-picked" });
const showNew = el("button", { type: "button", onclick: showHeld });
const fresh = el("div", { className: "past-fresh" });
const blank = el("div", { className: "empty" });
const list = el("ol", { className: "card past-list", role: "list", "aria-label": "Predictions, newest first" });
const newest = el("a", { className: "button quiet", onclick: upwards }, "← Newest");
const older = el("a", { className: "button quiet", onclick: upwards }, "Older →");
const pages = el("nav", { className: "row past-pages", "aria-label": "Pages" });
const body = el("div", { className: "past-body" });

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
const field = (text, control) => el("label", { className: "field" }, text, control);
const clearer = () => el("button", { type: "button", className: "quiet small", onclick: () => go(HOME, true) }, "Clear filters");
const clear = clearer();
const filters = el(
  "details",
  { className: "past-filters" },
  el("summary", {}, "Filters"),
  el(
    "form",
    { "aria-label": "Filters", onsubmit: (event) => event.preventDefault() },
    field("Label", controls.label),
    field("Model", controls.model),
    field("From (UTC day)", controls.since),
    field("Until (UTC day)", controls.until),
    field("Certainty", controls.confident),
    field("Correction", controls.corrected),
    clear,
  ),
);

const sure = el("input", { type: "checkbox", required: true });
const clearWrong = el("p", { className: "wrong", role: "alert" });
const dialog = el(
  "dialog",
  { className: "card past-dialog", "aria-labelledby": "past-clear" },
  el(
    "form",
    { onsubmit: clearAll },
    el("h2", { id: "past-clear" }, "Delete every prediction?"),
    el("p", {}, "All predictions of all models are deleted for everyone, whatever the filters show, and their pictures too. Nobody can undo this."),
    el("label", { className: "row" }, sure, "Yes, delete all of them"),
    clearWrong,
    el(
      "div",
      { className: "row" },
      el("button", { type: "button", className: "quiet", autofocus: true, onclick: () => dialog.close() }, "Cancel"),
      el("button", { className: "past-danger" }, "Delete all"),
    ),
  ),
);
const more = el(
  "details",
  { className: "past-more small" },
  el("summary", {}, "More"),
  el("button", { type: "button", className: "quiet small", onclick: askToClear }, "Delete all…"),
);

/** Show the list that the address asks for; anew when the address changes or another model is picked. */
export function enter(section, wanted) {
  if (!stay) arrive(section);
  const before = asked;
  asked = understood(wanted);
  if (before && before.picked !== asked.picked && asked.follows && asked.query.cursor) return go(hashOf(asked.said), true);
  resume = history.state?.y ?? null;
  paintFilters();
  load();
}

/** Stop asking; what was deleted and could still be put back is deleted now. */
export function leave() {
  stay?.abort();
  asking?.abort();
  stay = asked = null;
  toTop = false;
  clearTimeout(polling);
  flush();
}

function arrive(section) {
  stay = new AbortController();
  const { signal } = stay;
  const head = heading.parentElement ?? el("div", { className: "past-head" }, heading, lately, pickedNote);
  if (!head.isConnected) section.append(head, filters, wrong, body, more, status, dialog);
  let scrolled = 0;
  const onscroll = () => {
    clearTimeout(scrolled);
    scrolled = setTimeout(() => !signal.aborted && resume === null && remember(), 150);
  };
  addEventListener("scroll", onscroll, { signal, passive: true });
  addEventListener("pagehide", flush, { signal });
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(polling) : seenAgain()), { signal });
  document.addEventListener("keydown", undoByKey, { signal });
}

const seenAgain = () => (listedFor === asked.key ? poll() : load());

/** The scroll position lives in the browser's own entry, so that back and reload find it. */
const remember = () => history.replaceState({ ...history.state, y: scrollY }, "");

function go(hash, up = false) {
  remember();
  toTop = up;
  if (location.hash === hash) load();
  else location.hash = hash;
}

function upwards(event) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  remember();
  toTop = true;
}

function understood(wanted) {
  const said = Object.fromEntries(NAMES.map((name) => [name, wanted.get(name) ?? ""]));
  const { model, version } = chosen();
  const follows = !said.model && !said.version;
  const choice = follows ? { model, version } : { model: said.model === EVERY ? "" : said.model, version: said.version };
  const query = { ...said, ...choice, until: endOf(said.until), cursor: wanted.get("cursor") ?? "", limit: LIMIT };
  return { said, follows, query, picked: named(model, version), key: api.query(query) };
}

const named = (model, version) => (version ? `${model}/${version}` : model);
const hashOf = (said, cursor = "") => HOME + api.query({ ...said, cursor });

/** The API's `until` isn't included: the day after. What is no day is sent as it is, and the API says what is wrong. */
function endOf(day) {
  const moment = new Date(`${day}T00:00:00Z`);
  if (Number.isNaN(moment.getTime()) || !moment.toISOString().startsWith(`${day}T`)) return day;
  const after = new Date(moment.getTime() + 86_400_000).toISOString().slice(0, 10);
  return /^\d/.test(after) ? after : day;
}

function filterBy(changed) {
  go(hashOf({ ...asked.said, ...changed }));
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
    if (asked && input.validity.valid && input.value !== asked.said[name].slice(0, 10)) filterBy({ [name]: input.value });
  };
  const later = (ms) => {
    clearTimeout(typing);
    typing = setTimeout(said, ms);
  };
  const heard = { onchange: () => later(700), onblur: () => typing && later(0) };
  const input = el("input", { type: "date", name, min: "1970-01-01", max: "9999-12-30", ...heard });
  return input;
}

function paintFilters() {
  const { said, follows, picked } = asked;
  const any = NAMES.some((name) => said[name] && !(said[name] === EVERY && !picked));
  clear.classList.toggle("past-away", !any);
  if (!filters.dataset.opened || any) filters.open = any || matchMedia("(min-width: 44rem)").matches;
  filters.dataset.opened = "true";
  fill(controls.confident, [["", "Sure or not"], ["true", "Sure"], ["false", "Not sure"]], said.confident);
  fill(controls.corrected, [["", "Corrected or not"], ["true", "Corrected"], ["false", "Not corrected"]], said.corrected);
  for (const name of ["since", "until"]) {
    const day = said[name].slice(0, 10);
    if (controls[name].value !== day) controls[name].value = day;
  }
  const all = el("a", { href: hashOf({ ...said, model: EVERY }), onclick: upwards }, "Show all models");
  pickedNote.replaceChildren(...(follows && picked ? [`Only what ${picked} answered, as picked at the top. `, all] : []));
  paintLabels();
  paintModels();
}

/** Put options in, unless they are there; a value that isn't among them joins them, so that it is seen. */
function fill(select, pairs, value) {
  const all = pairs.some(([one]) => one === value) ? pairs : [...pairs, [value, value]];
  const told = JSON.stringify(all);
  if (select.dataset.told !== told) select.replaceChildren(...all.map(([one, text]) => el("option", { value: one }, text)));
  select.dataset.told = told;
  select.value = value;
}

async function paintLabels() {
  const own = asked;
  const { label } = own.said;
  const paint = (names) => fill(controls.label, [["", "Any label"], ...names.map((name) => [name, name])], label);
  paint([]);
  const { model, version } = own.query;
  const names = own.follows || !model ? await labels().catch(() => []) : await labelsOf(model, version);
  if (own === asked) paint(names);
}

/** The labels of a model's version; none where they can't be known now. */
function labelsOf(model, version) {
  const key = named(model, version);
  if (!classes.has(key)) classes.set(key, api.json(`/classes${api.query({ model, version })}`).then((told) => told.classes));
  return classes.get(key).catch(() => {
    classes.delete(key);
    return [];
  });
}

async function paintModels() {
  const own = asked;
  const { said, picked } = own;
  const value = said.model === EVERY && !picked ? "" : named(said.model, said.version);
  const first = picked ? [["", `${picked}, as picked`], [EVERY, "All models"]] : [["", "All models"]];
  const paint = (known) => fill(controls.model, [...first, ...known.flatMap(choices)], value);
  paint(models().models);
  if (models().models.length) return;
  const told = await api.models().catch(() => ({ models: [] }));
  if (own === asked) paint(told.models);
}

const choices = ({ name, versions }) => [
  [name, `${name}, all versions`],
  ...versions.map(({ version }) => [named(name, version), named(name, version)]),
];

/** The page at hand. Only the answer to what was asked last comes; others are aborted. */
function page() {
  asking?.abort();
  asking = new AbortController();
  return api.json(`/predictions${asked.key}`, { signal: asking.signal });
}

async function load() {
  clearTimeout(polling);
  list.ariaBusy = "true";
  if (!body.childElementCount) sync(body, [fresh, list, pages]);
  try {
    show(await page());
  } catch (error) {
    if (error.name !== "AbortError") fail(error);
  }
}

function show(answer) {
  const isOther = listedFor !== null && listedFor !== asked.key;
  listedFor = asked.key;
  failure = null;
  take(answer);
  floor = next ? items.at(-1).created_at : "";
  if (isOther) announce(`${plural(list.childElementCount, asked.query.cursor ? "older prediction" : "prediction")} listed`);
  if (toTop) {
    heading.focus({ preventScroll: true });
    scrollTo(0, 0);
  } else if (resume !== null) scrollTo(0, resume);
  toTop = false;
  resume = null;
  pollIn(SOON_MS);
}

function take(answer) {
  items = answer.items;
  next = answer.next;
  held = 0;
  known = new Set([...gone.keys(), ...items.map((item) => item.id)]);
  list.ariaBusy = null;
  paintLately();
  paint();
}

function paintLately() {
  lately.textContent = asked.query.cursor ? "Older predictions." : "Newest first. New ones join by themselves.";
}

/** What can be said of an error, a Problem or an answer that broke off. */
const sentence = (error) =>
  error instanceof api.Problem ? `${error.message} ${error.advice}`.trim() : "The answer broke off. Try again.";

function fail(error) {
  failure = error;
  items = [];
  next = null;
  list.ariaBusy = null;
  toTop = false;
  resume = null;
  listedFor = asked.key;
  lately.textContent = "";
  paint();
  if (error.mayPass) pollIn(LATE_MS);
}

function pollIn(ms) {
  wait = ms;
  clearTimeout(polling);
  if (stay && !asked.query.cursor) polling = setTimeout(poll, ms);
}

async function poll() {
  if (!stay || asked.query.cursor || document.hidden) return;
  const { model, version } = chosen();
  if (asked.picked !== named(model, version)) return enter(null, wantedNow()); // the picker found its choice gone
  const before = changes;
  try {
    const answer = await page();
    if (failure) return show(answer);
    if (before === changes) merge(answer);
    pollIn(SOON_MS);
  } catch (error) {
    if (error.name !== "AbortError") away(error);
  }
}

const wantedNow = () => new URLSearchParams(location.hash.split("?")[1] ?? "");

function away(error) {
  if (!failure && wait === SOON_MS) {
    lately.textContent = `${error.message} The list may be out of date until it does again.`;
    announce(lately.textContent);
  }
  pollIn(Math.min(LATE_MS, 2 * wait));
}

function merge(answer) {
  const arrived = answer.items.filter((item) => !known.has(item.id) && item.created_at >= floor);
  if (arrived.length && mustHold()) return hold(answer, arrived);
  const told = new Set(answer.items.map((item) => item.id));
  const busy = items.filter((item) => !told.has(item.id) && isBusy(item));
  const seen = known;
  take({ items: [...answer.items, ...busy].sort(byNewest), next: answer.next });
  for (const id of seen) known.add(id);
  if (arrived.length) announce(news(arrived));
}

const newOnes = (number) => (number < LIMIT ? plural(number, "new prediction") : `${LIMIT} or more new predictions`);
const news = (arrived) =>
  `${newOnes(arrived.length)}: ${[...new Set(arrived.map((item) => item.label))].slice(0, 3).join(", ")}`;
const byNewest = (a, b) => (a.created_at + a.id < b.created_at + b.id ? 1 : -1);

/** Whether new rows would move what somebody reads, or is about to press. */
function mustHold() {
  return list.isConnected && (list.getBoundingClientRect().top < 0 || list.querySelector("form, :focus-visible, .past-acts:hover"));
}

/** Whether somebody is at this row: it stays until they have left it. */
const isBusy = ({ id }) => {
  const node = rows.get(id)?.node;
  return node && (node.contains(document.activeElement) || node.querySelector("form"));
};

/** Leave the rows where they are, bring them up to date, and offer the new ones. */
function hold(answer, arrived) {
  const told = new Map(answer.items.map((item) => [item.id, item]));
  const last = answer.items.at(-1);
  const isBeyond = (item) => answer.next && byNewest(item, last) > 0;
  items = items.filter((item) => told.has(item.id) || isBeyond(item) || isBusy(item)).map((item) => told.get(item.id) ?? item);
  if (held !== arrived.length) announce(news(arrived));
  held = arrived.length;
  paintLately();
  paint();
}

/** Said politely; the same words twice are said twice. */
const announce = (text) => status.replaceChildren(el("span", {}, text));

function paint() {
  const root = heading.closest("section");
  const hadFocus = root.contains(document.activeElement);
  const shown = items.filter((item) => !gone.has(item.id));
  const nodes = shown.map(row);
  const ids = new Set(shown.map((item) => item.id));
  for (const id of rows.keys()) if (!ids.has(id)) rows.delete(id);
  sync(list, nodes);
  paintFailure();
  paintPages();
  const isBlank = !shown.length && (!failure || failure.code === "history_off");
  if (isBlank) paintBlank();
  sync(body, [fresh, shown.length && list, isBlank && blank, pages]);
  const isOff = failure?.code === "history_off";
  filters.hidden = more.hidden = lately.hidden = isOff;
  if (hadFocus && !root.contains(document.activeElement)) heading.focus({ preventScroll: true });
}

/** Make these the children, without moving those that are there: a node that is moved loses the focus. */
function sync(parent, wanted) {
  const nodes = wanted.filter(Boolean);
  for (const child of [...parent.children]) if (!nodes.includes(child)) child.remove();
  let at = parent.firstChild;
  for (const node of nodes) {
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
  }
}

function paintPages() {
  newest.href = hashOf(asked.said);
  older.href = hashOf(asked.said, next);
  sync(pages, [asked.query.cursor && newest, next && older]);
  showNew.textContent = newOnes(held);
  sync(fresh, [held > 0 && showNew]);
}

function showHeld() {
  toTop = true;
  load();
}

function paintFailure() {
  if (!failure || failure.code === "history_off") return wrong.replaceChildren();
  const isRefused = failure.status === 400;
  const button = isRefused ? clearer() : el("button", { type: "button", className: "quiet small", onclick: load }, "Try again");
  const hadFocus = wrong.contains(document.activeElement);
  wrong.replaceChildren(el("div", { className: "notice bad row" }, el("p", {}, sentence(failure)), button));
  if (hadFocus) button.focus();
}

const BLANKS = {
  off: () => ["No history here", failure.advice],
  page: () => ["Nothing older", "These were the last ones."],
  filtered: () => ["Nothing matches", "No prediction is like that.", clearer()],
  picked: () => ["Nothing yet", `${asked.picked} hasn't answered anything so far.`],
  none: () => ["Nothing yet", "What you classify will be listed here.", el("a", { className: "button", href: "#/" }, "Classify a picture")],
};

function paintBlank() {
  const { said, query, follows, picked } = asked;
  const isFiltered = NAMES.some((name) => said[name] && said[name] !== EVERY);
  const kind = failure ? "off" : query.cursor ? "page" : isFiltered ? "filtered" : follows && picked ? "picked" : "none";
  if (blank.dataset.kind === kind + picked) return;
  blank.dataset.kind = kind + picked;
  const [title, text, action] = BLANKS[kind]();
  blank.replaceChildren(el("strong", {}, title), el("p", {}, text), ...(action ? [action] : []));
}

/** The row of an item, made anew only where it changed and nobody is about to correct it. */
function row(item) {
  const told = JSON.stringify(item);
  const before = rows.get(item.id);
  if (before && (before.told === told || before.node.querySelector("form"))) return before.node;
  const node = before?.node ?? el("li", { className: "past", dataset: { id: item.id } });
  rows.set(item.id, { node, told });
  rewrite(node, item);
  return node;
}

function rewrite(node, item) {
  const act = node.contains(document.activeElement) ? document.activeElement.dataset.act : null;
  node.replaceChildren(thumbnail(item), said(item), about(item), acts(item), el("p", { className: "wrong small", role: "alert" }));
  if (act) focusIn(node, act);
}

const focusIn = (node, act) => (node.querySelector(`[data-act="${act}"]`) ?? node.querySelector("button")).focus();

function thumbnail(item) {
  const letter = () => el("span", { className: "past-thumb", "aria-hidden": "true" }, [...item.label][0] ?? "");
  if (!item.image) return letter();
  const picture = el("img", {
    className: "past-thumb", alt: "", width: 72, height: 72, loading: "lazy", decoding: "async",
    onerror: () => picture.replaceWith(letter()),
  });
  picture.src = api.address(item.image);
  return picture;
}

function said(item) {
  const { label, confidence, confident } = item;
  const unsure = !confident && el("span", { className: "chip unsure" }, "not sure");
  const shown = bar(confidence, { className: confident ? "bar" : "bar unsure" });
  return el(
    "div",
    { className: "past-said" },
    el("div", { className: "row" }, el("h2", {}, label), unsure, correction(item)),
    el("div", { className: "past-sure" }, shown, el("span", {}, percent(confidence))),
  );
}

function correction({ label, true_label: truth }) {
  if (truth === null) return null;
  const same = truth === label;
  return el("span", { className: same ? "chip good" : "chip bad" }, same ? "confirmed" : `was ${label}, is ${truth}`);
}

function about(item) {
  return el(
    "div",
    { className: "past-about small faint" },
    el("p", {}, el("span", { className: "past-model" }, named(item.model, item.version)), " · ", when(item.created_at)),
    el("p", { className: "past-source" }, source(item.source)),
  );
}

function source({ kind, url, filename }) {
  if (kind !== "url" || !url) return el("span", { title: filename }, filename ?? "sent without a name");
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (!["http:", "https:"].includes(parsed?.protocol)) return el("span", { title: url }, url);
  const away = { href: url, title: url, rel: "noreferrer noopener", target: "_blank", dataset: { act: "source" } };
  return el("a", away, parsed.host, el("span", { className: "unseen" }, " (opens a new tab)"));
}

function acts(item) {
  const of = `${item.label}, ${when(item.created_at).textContent}`;
  const button = (act, text, onclick) =>
    el("button", { type: "button", className: "quiet small", dataset: { act }, "aria-label": `${text} ${of}`, onclick }, text);
  const isCorrected = item.true_label !== null;
  return el(
    "div",
    { className: "past-acts" },
    button("correct", isCorrected ? "Change…" : "Correct…", () => startCorrecting(item)),
    isCorrected && button("restore", "Take back", () => correct(item, null)),
    button("delete", "Delete", (event) => remove(item, event.detail === 0)),
  );
}

function complain(id, text) {
  const node = rows.get(id)?.node;
  if (node) node.lastChild.textContent = text;
}

async function startCorrecting(item) {
  const { node } = rows.get(item.id);
  const select = el("select", { required: true, "aria-label": `What ${item.label} shows in truth` });
  const option = (name) => el("option", { value: name }, name === item.label ? `${name} (as it says)` : name);
  const add = (names) => select.append(...names.map(option));
  const likely = item.top.map(({ label }) => label);
  select.append(el("option", { value: "" }, "It shows…"));
  add(likely);
  select.value = likely.includes(item.true_label) ? item.true_label : "";
  const end = () => {
    rewrite(node, item);
    focusIn(node, "correct");
  };
  const onsubmit = (event) => {
    event.preventDefault();
    correct(item, select.value);
  };
  const form = el(
    "form",
    { className: "past-acts", onsubmit, onkeydown: (event) => event.key === "Escape" && end() },
    select,
    el("button", { className: "small" }, "Save"),
    el("button", { type: "button", className: "quiet small", onclick: end }, "Cancel"),
  );
  node.querySelector(".past-acts").replaceWith(form);
  select.focus();
  add((await labelsOf(item.model, item.version)).filter((name) => !likely.includes(name)));
  if (!select.value && item.true_label) select.value = item.true_label;
}

async function correct(item, label) {
  complain(item.id, "");
  let truth;
  try {
    truth = (await api.correct(item.id, label)).true_label;
  } catch (error) {
    return complain(item.id, `${label === null ? "It wasn't taken back" : "It wasn't corrected"}. ${sentence(error)}`);
  }
  changes += 1;
  const corrected = { ...item, true_label: truth };
  items = items.map((one) => (one.id === item.id ? corrected : one));
  const entry = rows.get(item.id);
  if (!entry) return;
  const hadFocus = entry.node.contains(document.activeElement);
  entry.told = JSON.stringify(corrected);
  rewrite(entry.node, corrected);
  if (hadFocus) focusIn(entry.node, "correct");
  announce(truth === null ? "The correction is taken back" : `Corrected: was ${item.label}, is ${truth}`);
}

function remove(item, byKey) {
  const { node } = rows.get(item.id);
  const beside = node.nextElementSibling ?? node.previousElementSibling;
  (beside?.querySelector("[data-act=delete]") ?? beside?.querySelector("button") ?? heading).focus();
  gone.set(item.id, { item, key: listedFor, sent: false });
  changes += 1;
  paint();
  const keys = navigator.platform.startsWith("Mac") ? "⌘Z" : "Ctrl+Z";
  const text = `Deleted ${item.label}${byKey ? `; ${keys} puts it back` : ""}.`;
  toast(text, "Undo", UNDO_S).then((undone) => (undone ? putBack(item.id) : send(item.id)));
}

async function send(id, keepalive = false) {
  const waiting = gone.get(id);
  if (!waiting || waiting.sent) return;
  waiting.sent = true;
  try {
    await api.remove(id, keepalive);
  } catch (error) {
    if (error.status !== 404 || error.code === "history_off") return putBack(id, error);
  }
  if (stay && !list.childElementCount && next) load();
}

function putBack(id, error = null) {
  const { item, key, sent } = gone.get(id) ?? {};
  if (!item || (sent && !error)) return;
  gone.delete(id);
  changes += 1;
  const isListed = stay && listedFor === key;
  if (error && !isListed) toast(`The ${item.label} wasn't deleted. ${sentence(error)}`);
  if (!isListed) return stay && load();
  if (!items.some((one) => one.id === id)) items = [...items, item].sort(byNewest);
  paint();
  if (error) return complain(id, `It wasn't deleted. ${sentence(error)}`);
  focusIn(rows.get(id).node, "delete");
  announce(`${item.label} is back`);
}

/** Nothing waits any longer: each is deleted by a request that outlives the page, and can't be put back. */
function flush() {
  const waiting = [...gone].filter(([, { sent }]) => !sent);
  for (const [id] of waiting) send(id, true);
  if (waiting.length) document.querySelector("#toast .quiet")?.click();
}

/** The toast is far away for those who go by Tab. */
function undoByKey(event) {
  const isUndo = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z";
  if (!isUndo || event.target.matches("input, select") || ![...gone.values()].some(({ sent }) => !sent)) return;
  event.preventDefault();
  document.querySelector("#toast button:not(.quiet)")?.click();
}

function askToClear() {
  sure.checked = false;
  clearWrong.textContent = "";
  dialog.showModal();
}

async function clearAll(event) {
  event.preventDefault();
  clearWrong.textContent = "";
  try {
    const { deleted } = await api.json("/predictions", { method: "DELETE" });
    changes += 1;
    for (const waiting of gone.values()) waiting.sent = true;
    dialog.close();
    toast(`Deleted ${plural(deleted, "prediction")}.`);
    go(HOME, true);
  } catch (error) {
    clearWrong.textContent = `Nothing was deleted. ${sentence(error)}`;
  }
}
