// The pictures on the page: some are asked about at a time, the others wait; each may be cancelled, retried or removed.

import { paint } from "./answer.js";
import { answered } from "./asking.js";
import { at, el, plural } from "./dom.js";
import { forget, keep, kept } from "./kept.js";

const AT_ONCE = 3;
const MAX_PICTURES = 200;

const items = []; // in the order of the page
const ACTS = { retry, remove, changed: stored };

const of = (...states) => items.filter(({ state }) => states.includes(state));
const painted = (item) => paint(item, ACTS);

/** Put pictures on the page, before those that are there, and have them classified. */
export function add(sources) {
  const taken = sources.slice(0, MAX_PICTURES);
  const now = String(Date.now()).padStart(15, "0");
  const added = taken.map((source, number) => made({
    key: `${now}-${String(MAX_PICTURES - number).padStart(4, "0")}`,
    source,
    name: typeof source === "string" ? source : source.name || "pasted picture",
    blob: typeof source === "string" ? null : source,
    state: "waits",
    grids: {},
  }));
  prepend(added);
  added.forEach(stored);
  if (sources.length > taken.length) {
    const others = plural(sources.length - taken.length, "picture");
    refuse(others, `${MAX_PICTURES} are taken at a time.`, "Add the others when these are done.");
  }
  work();
}

/** A picture that isn't even sent, and why. */
export function refuse(name, message, advice) {
  prepend([made({ name, source: null, state: "failed", problem: { message, advice } })]);
  tell();
}

/** Go on with the pictures that were here before the page was reloaded. */
export async function resume() {
  at("cancel").onclick = () => (of("waits", "runs").length ? cancel() : clear());
  for (const state of (await kept()).reverse()) {
    if (items.some(({ key }) => key === state.key)) continue; // it was given meanwhile
    if (state.state === "runs") state.state = "waits";
    const item = made(state);
    items.push(item);
    at("answers").append(item.node);
  }
  work();
}

/** An item: its picture's state, its place on the page, and what ends when the place looks different. */
function made(state) {
  const item = { ...state, node: el("li", { className: "card answer" }), ended: new AbortController() };
  painted(item);
  return item;
}

function prepend(added) {
  items.unshift(...added);
  at("answers").prepend(...added.map(({ node }) => node));
}

/** Remember a picture's state. */
function stored({ key, source, name, blob, state, problem, answer, look, open, grids }) {
  if (!source) return;
  const told = problem && { message: problem.message, advice: problem.advice };
  keep({ key, source, name, blob, state, problem: told, answer, look, open, grids });
}

function work() {
  tell();
  for (const item of of("waits").slice(0, Math.max(0, AT_ONCE - of("runs").length))) run(item);
}

async function run(item) {
  Object.assign(item, { state: "runs", problem: null, stop: new AbortController() });
  painted(item);
  tell();
  try {
    const { answer, picture } = await answered(item.source, item.stop.signal);
    Object.assign(item, { state: "done", answer, blob: picture ?? item.blob });
  } catch (error) {
    item.state = error.name === "AbortError" ? "cancelled" : "failed";
    item.problem = error;
  }
  painted(item);
  stored(item);
  work();
}

function retry(item) {
  item.state = "waits";
  painted(item);
  work();
}

function cancel() {
  for (const item of of("runs")) item.stop.abort();
  for (const item of of("waits")) {
    item.state = "cancelled";
    painted(item);
    stored(item);
  }
  tell();
}

function clear() {
  for (const item of items.splice(0)) end(item);
  tell();
  at("files").focus();
}

function remove(item) {
  const next = item.node.nextElementSibling ?? item.node.previousElementSibling;
  items.splice(items.indexOf(item), 1);
  end(item);
  tell();
  (next?.querySelector("button") ?? at("files")).focus();
}

/** Take away what is done, failed or cancelled: what waits or runs is cancelled first. */
function end(item) {
  item.ended.abort();
  if (item.url) URL.revokeObjectURL(item.url);
  item.node.remove();
  if (item.source) forget([item.key]);
}

/** How far it is, for eyes and ears. */
function tell() {
  const progress = at("progress");
  const [open, failed, cancelled] = [of("waits", "runs"), of("failed"), of("cancelled")].map(({ length }) => length);
  progress.hidden = !items.length;
  const parts = [`${items.length - open} of ${plural(items.length, "picture")} done`];
  if (failed) parts.push(`${failed} failed`);
  if (cancelled) parts.push(`${cancelled} cancelled`);
  const text = parts.join(", ");
  const line = progress.querySelector("p");
  if (line.textContent !== text) line.textContent = text;
  progress.querySelector("progress").value = items.length ? (items.length - open) / items.length : 0;
  at("cancel").textContent = open ? "Cancel the rest" : "Clear the list";
}
