// The list: asked for a page at a time, kept up to date, and painted so that nothing moves under who reads it.

import * as api from "./api.js";
import { chosen, named } from "./chosen.js";
import { el, plural } from "./dom.js";
import { enterAnew, settle, stayPut, toTop, upwards } from "./history_moves.js";
import { isBusy, keepRows, row } from "./history_row.js";
import { LIMIT, byNewest, hashOf, past } from "./history_state.js";
import { announce, blank, isOff, paintBlank, paintFailure } from "./history_words.js";

const SOON_MS = 3000;
const LATE_MS = 15_000;

let asking = null; // aborted when the list is asked for anew
let known = new Set(); // ids that this list has had
let floor = ""; // what is older than this moment isn't new, it only moved up
let wait = SOON_MS;
let polling = 0;

export const heading = el("h1", { tabIndex: -1 }, "History");
/** Says which ones are listed, and whether they still come. */
export const lately = el("p", { className: "faint small past-lately" });
export const list = el("ol", { className: "card past-list", role: "list", "aria-label": "Predictions, newest first" });
/** The list with what leads to other ones. */
export const body = el("div", { className: "past-body" });

const showNew = el("button", { type: "button", onclick: showHeld });
const fresh = el("div", { className: "past-fresh" });
const newest = el("a", { className: "button quiet", onclick: upwards }, "← Newest");
const older = el("a", { className: "button quiet", onclick: upwards }, "Older →");
const pages = el("nav", { className: "row past-pages", "aria-label": "Pages" });

/** Ask for what is asked for, and show it. */
export async function load() {
  clearTimeout(polling);
  list.ariaBusy = "true";
  if (!body.childElementCount) sync(body, [fresh, list, pages]);
  try {
    show(await page());
  } catch (error) {
    if (error.name !== "AbortError") fail(error);
  }
}

/** Ask no more. */
export function stop() {
  asking?.abort();
  clearTimeout(polling);
}

/** Go on when the reader is back at the page, and ask nothing meanwhile. */
export function seen() {
  if (document.hidden) clearTimeout(polling);
  else if (past.listedFor === past.asked.key) poll();
  else load();
}

/** The page at hand. Only the answer to what was asked last comes; others are aborted. */
function page() {
  asking?.abort();
  asking = new AbortController();
  return api.json(`/predictions${past.asked.key}`, { signal: asking.signal });
}

function show(answer) {
  const { asked, listedFor } = past;
  past.listedFor = asked.key;
  past.failure = null;
  take(answer);
  floor = past.next ? past.items.at(-1).created_at : "";
  if (listedFor !== null && listedFor !== asked.key) {
    announce(`${plural(list.childElementCount, asked.query.cursor ? "older prediction" : "prediction")} listed`);
  }
  settle(heading);
  pollIn(SOON_MS);
}

function take({ items, next }) {
  Object.assign(past, { items, next, held: 0 });
  known = new Set([...past.gone.keys(), ...items.map((item) => item.id)]);
  list.ariaBusy = null;
  paintLately();
  paint();
}

function paintLately() {
  lately.textContent = past.asked.query.cursor ? "Older predictions." : "Newest first. New ones join by themselves.";
}

function fail(error) {
  Object.assign(past, { failure: error, items: [], next: null, listedFor: past.asked.key });
  list.ariaBusy = null;
  stayPut();
  lately.textContent = "";
  paint();
  if (error.mayPass) pollIn(LATE_MS);
}

function pollIn(ms) {
  wait = ms;
  clearTimeout(polling);
  if (past.asked && !past.asked.query.cursor) polling = setTimeout(poll, ms);
}

async function poll() {
  if (!past.asked || past.asked.query.cursor || document.hidden) return;
  const { model, version } = chosen();
  if (past.asked.picked !== named(model, version)) enterAnew(); // the picker found its choice gone
  const before = past.changes;
  try {
    const answer = await page();
    if (past.failure) return show(answer);
    if (before === past.changes) merge(answer);
    pollIn(SOON_MS);
  } catch (error) {
    if (error.name !== "AbortError") away(error);
  }
}

function away(error) {
  if (!past.failure && wait === SOON_MS) {
    lately.textContent = `${error.message} The list may be out of date until it does again.`;
    announce(lately.textContent);
  }
  pollIn(Math.min(LATE_MS, 2 * wait));
}

function merge(answer) {
  const arrived = answer.items.filter((item) => !known.has(item.id) && item.created_at >= floor);
  if (arrived.length && mustHold()) return hold(answer, arrived);
  const told = new Set(answer.items.map((item) => item.id));
  const busy = past.items.filter((item) => !told.has(item.id) && isBusy(item));
  const before = known;
  take({ items: [...answer.items, ...busy].sort(byNewest), next: answer.next });
  for (const id of before) known.add(id);
  if (arrived.length) announce(news(arrived));
}

const newOnes = (number) => (number < LIMIT ? plural(number, "new prediction") : `${LIMIT} or more new predictions`);
const news = (arrived) =>
  `${newOnes(arrived.length)}: ${[...new Set(arrived.map((item) => item.label))].slice(0, 3).join(", ")}`;

/** Whether new rows would move what somebody reads, or is about to press. */
const mustHold = () => list.isConnected &&
  (list.getBoundingClientRect().top < 0 || list.querySelector("form, :focus-visible, .past-acts:hover"));

/** Leave the rows where they are, bring them up to date, and offer the new ones. */
function hold(answer, arrived) {
  const told = new Map(answer.items.map((item) => [item.id, item]));
  const last = answer.items.at(-1);
  const isKept = (item) => told.has(item.id) || (answer.next && byNewest(item, last) > 0) || isBusy(item);
  past.items = past.items.filter(isKept).map((item) => told.get(item.id) ?? item);
  if (past.held !== arrived.length) announce(news(arrived));
  past.held = arrived.length;
  paintLately();
  paint();
}

function showHeld() {
  toTop();
  load();
}

/** Paint what is listed, but for what was deleted; a focus that is lost goes to the heading. */
export function paint() {
  const root = heading.closest("section");
  const hadFocus = root.contains(document.activeElement);
  const shown = past.items.filter((item) => !past.gone.has(item.id));
  sync(list, shown.map(row));
  keepRows(shown);
  paintFailure(load);
  paintPages();
  const isBlank = !shown.length && (!past.failure || isOff());
  if (isBlank) paintBlank();
  sync(body, [fresh, shown.length && list, isBlank && blank, pages]);
  root.classList.toggle("past-off", isOff());
  if (hadFocus && !root.contains(document.activeElement)) heading.focus({ preventScroll: true });
}

function paintPages() {
  const { asked, next, held } = past;
  newest.href = hashOf(asked.said);
  older.href = hashOf(asked.said, next);
  sync(pages, [asked.query.cursor && newest, next && older]);
  showNew.textContent = newOnes(held);
  sync(fresh, [held > 0 && showNew]);
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
