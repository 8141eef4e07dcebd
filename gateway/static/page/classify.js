// Pictures in, answers out: dropped, pasted, chosen, photographed or given by address; some at a time, the others wait.

import * as api from "./api.js";
import { chosen } from "./chosen.js";
import { bar, el, percent, plural } from "./dom.js";
import { asFirst, complaint, explanation } from "./explain.js";
import { forget, keep, kept } from "./kept.js";

const AT_ONCE = 3;
const SHOWN = 5;
const MAX_PICTURES = 200;
const PATIENCE = 3; // how often a busy service is asked again
const LARGE_BYTES = 2 ** 20; // above it the service's limit is looked up

const items = []; // in the order of the page
const at = (id) => document.getElementById(id);
let started = false;
let limit = null;

/** Called whenever the view is shown; all of it stays as it was left. */
export const enter = () => start();

/** Called at once, whichever view is shown: pictures may be dropped on any. */
export function start() {
  if (started) return;
  started = true;
  byForm();
  byDrop();
  byPaste();
  bySample();
  at("cancel").onclick = cancel;
  again();
}

// Ways in

function byForm() {
  const files = at("files");
  for (const input of [files, at("camera")]) {
    input.onchange = () => {
      add([...input.files]);
      input.value = "";
    };
  }
  at("by-file").onsubmit = (event) => {
    event.preventDefault();
    files.click(); // what was chosen is here already
  };
  files.multiple = true;
  files.required = false;
  const url = at("url");
  url.type = "text"; // an address without https:// is taken, too
  url.inputMode = "url";
  url.oninput = () => {
    at("url-wrong").textContent = "";
    url.ariaInvalid = null;
  };
  at("by-url").noValidate = true;
  at("by-url").onsubmit = (event) => {
    event.preventDefault();
    const address = webAddress(url.value);
    if (!address) {
      at("url-wrong").textContent = "That is no web address. It begins with https:// or http://, as in https://example.com/picture.jpg.";
      url.ariaInvalid = "true";
      url.focus();
      return;
    }
    url.value = "";
    add([address]);
  };
}

/** What was typed, as an address that can be fetched; null if it is none. */
function webAddress(text) {
  const typed = text.trim();
  const whole = /^[a-z][a-z0-9+.-]*:/i.test(typed) && !/^[^/]+:\d/.test(typed) ? typed : `https://${typed}`;
  const url = URL.canParse(whole) ? new URL(whole) : null;
  return url && /^https?:$/.test(url.protocol) && /[.:]|^localhost$/.test(url.hostname) ? url.href : null;
}

function byDrop() {
  const place = at("drop");
  const carries = ({ dataTransfer }) => [...(dataTransfer?.types ?? [])].some((type) => type === "Files" || type === "text/uri-list");
  let depth = 0; // a child's leave comes after its sibling's enter
  const over = (by) => place.classList.toggle("over", (depth = Math.max(0, depth + by)) > 0);
  document.addEventListener("dragenter", (event) => carries(event) && over(1));
  document.addEventListener("dragleave", (event) => carries(event) && over(-1));
  document.addEventListener("dragover", (event) => carries(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    over(-depth);
    brought(event.dataTransfer);
  });
}

function byPaste() {
  document.addEventListener("paste", (event) => {
    if (event.target.closest?.("input, textarea, select")) return;
    brought(event.clipboardData);
  });
}

/** Files, or else an address. */
function brought(transfer) {
  const folders = new Set([...transfer.items].map((one) => one.webkitGetAsEntry?.()).filter((entry) => entry?.isDirectory).map(({ name }) => name));
  const pictures = [...transfer.files].filter(({ name }) => !folders.has(name));
  for (const name of folders) refuse(name, "That is a folder.", "Drop the pictures in it.");
  if (pictures.length || folders.size) return show(pictures);
  const lines = (transfer.getData("text/uri-list") || transfer.getData("text/plain")).split(/\r?\n/);
  const addresses = lines.filter((line) => /^https?:/i.test(line)).map(webAddress).filter(Boolean);
  if (addresses.length) show(addresses);
}

/** Add pictures, from whichever view. */
function show(sources) {
  if (!at("classify").hidden) return add(sources);
  location.hash = "#/";
  add(sources);
}

async function bySample() {
  const list = at("samples").querySelector("ul");
  try {
    const { samples } = await api.json("/samples");
    at("samples").hidden = !samples.length;
    list.replaceChildren(...samples.map((name) => {
      const title = name.replace(/\.\w+$/, "");
      const image = el("img", { src: api.address(`/samples/${name}/small`), alt: "", width: 240, height: 180 });
      return el("li", {}, el("button", { type: "button", onclick: () => take(name) }, image, el("span", {}, title)));
    }));
  } catch {
    at("samples").hidden = true;
  }
}

async function take(name) {
  try {
    const blob = await (await api.ask(`/samples/${name}`, { accept: "image/*" })).blob();
    add([new File([blob], name, { type: blob.type })]);
  } catch (problem) {
    refuse(name, problem.message, problem.advice);
  }
}

// The queue

/** Put pictures on the page, before those that are there, and have them classified. */
function add(sources) {
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
  items.unshift(...added);
  at("answers").prepend(...added.map(({ node }) => node));
  added.forEach(stored);
  if (sources.length > taken.length) {
    refuse(plural(sources.length - taken.length, "picture"), `${MAX_PICTURES} are taken at a time.`, "Add the others when these are done.");
  }
  work();
}

/** A picture that isn't even sent, and why. */
function refuse(name, message, advice) {
  const item = made({ key: `${Date.now()}-${Math.random()}`, name, source: null, blob: null, state: "failed", problem: { message, advice }, grids: {} });
  items.unshift(item);
  at("answers").prepend(item.node);
  tell();
}

function made(state) {
  const item = { ...state, node: el("li", { className: "card answer" }), ended: new AbortController() };
  paint(item);
  return item;
}

/** The pictures that were here before the page was reloaded. */
async function again() {
  const states = await kept();
  for (const state of states.reverse()) {
    if (state.state === "runs") state.state = "waits";
    if (state.problem) state.problem = Object.assign(new Error(state.problem.message), state.problem);
    const item = made(state);
    items.push(item);
    at("answers").append(item.node);
  }
  work();
}

/** Remember a picture's state. */
function stored({ key, source, name, blob, state, problem, answer, look, open, grids }) {
  if (!source) return;
  keep({ key, source, name, blob, state, problem: problem && { message: problem.message, advice: problem.advice }, answer, look, open, grids });
}

function work() {
  tell();
  const running = items.filter(({ state }) => state === "runs").length;
  for (const item of items.filter(({ state }) => state === "waits").slice(0, Math.max(0, AT_ONCE - running))) run(item);
}

async function run(item) {
  Object.assign(item, { state: "runs", problem: null, stop: new AbortController() });
  paint(item);
  tell();
  try {
    item.answer = await answered(item);
    item.state = "done";
    if (item.answer.picture) item.blob = blobOf(item.answer.picture);
    delete item.answer.picture;
    delete item.look;
    item.grids = {};
  } catch (error) {
    if (item.state === "gone") return;
    item.state = error.name === "AbortError" ? "cancelled" : "failed";
    item.problem = error;
  }
  paint(item);
  stored(item);
  work();
}

/** What a data URL holds; the page's policy forbids fetching it. */
function blobOf(url) {
  const [head, packed] = url.split(",");
  return new Blob([Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0))], { type: head.slice(5).split(";")[0] });
}

/** The service's answer; a busy one is asked again when it says so. */
async function answered({ source, stop }) {
  await checked(source);
  for (let tries = 1; ; tries++) {
    try {
      return await api.predict(source, chosen(), stop.signal);
    } catch (error) {
      const busy = error.code === "overloaded" || error.status === 429;
      if (!busy || tries > PATIENCE) throw error;
      await waited(1000 * Math.min(Math.max(error.retryAfterS, 1), 10), stop.signal);
    }
  }
}

/** A service that refuses a large body may hang up before it is sent, and then nobody hears why. */
async function checked(source) {
  if (typeof source === "string" || source.size <= LARGE_BYTES) return;
  limit ??= (await api.json("/")).limits.max_upload_bytes;
  if (source.size > limit) {
    throw new api.Problem("image_too_large", `The picture has ${megabytes(source.size)}; up to ${megabytes(limit)} are taken.`, 413);
  }
}

const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MB`;

function waited(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("cancelled", "AbortError"));
    }, { once: true });
  });
}

function cancel() {
  const open = items.filter(({ state }) => state === "waits" || state === "runs");
  if (!open.length) return clear();
  for (const item of open) {
    if (item.state === "waits") {
      item.state = "cancelled";
      paint(item);
      stored(item);
    } else item.stop.abort();
  }
  tell();
}

function clear() {
  for (const item of items.splice(0)) gone(item);
  at("answers").replaceChildren();
  tell();
  at("files").focus();
}

function remove(item) {
  const next = item.node.nextElementSibling ?? item.node.previousElementSibling;
  items.splice(items.indexOf(item), 1);
  gone(item);
  item.node.remove();
  tell();
  (next?.querySelector("button") ?? at("files")).focus();
}

function gone(item) {
  item.state = "gone";
  item.stop?.abort();
  item.ended.abort();
  if (item.url) URL.revokeObjectURL(item.url);
  forget([item.key]);
}

function retry(item) {
  item.state = "waits";
  paint(item);
  work();
}

/** How far it is, for eyes and ears. */
function tell() {
  const progress = at("progress");
  const of = (...states) => items.filter(({ state }) => states.includes(state)).length;
  const [open, failed, cancelled] = [of("waits", "runs"), of("failed"), of("cancelled")];
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

// How a picture looks

function paint(item) {
  const focused = item.node.contains(document.activeElement) ? document.activeElement.dataset.does : null;
  item.ended.abort(); // what the former look asked for
  item.ended = new AbortController();
  const said = el("div", { className: "said" }, el("p", { className: "name" }, describe(item)), ...SAY[item.state](item));
  const picture = el("div", { className: "picture" }, preview(item));
  item.node.replaceChildren(picture, said);
  item.node.ariaBusy = item.state === "waits" || item.state === "runs" ? "true" : null;
  if (item.state === "done" && item.open) unfold(item, picture, said);
  if (focused) (item.node.querySelector(`[data-does="${focused}"]`) ?? item.node.querySelector("button"))?.focus();
}

function describe({ name, answer }) {
  const source = answer?.source;
  return source ? `${name} · ${source.width} × ${source.height} ${source.format}` : name;
}

function preview(item) {
  if (!item.blob) return el("div", { className: "blank" }, item.state === "failed" ? "no picture" : "");
  item.url ??= URL.createObjectURL(item.blob);
  const image = el("img", { src: item.url, alt: item.name });
  image.onerror = () => image.replaceWith(el("div", { className: "blank" }, "no preview"));
  const { width, height } = item.answer?.source ?? {};
  if (width) Object.assign(image, { width, height });
  return image;
}

const button = (text, does, onclick, properties = {}) =>
  el("button", { type: "button", className: "quiet small", dataset: { does }, onclick, ...properties }, text);

const SAY = {
  waits: () => [el("p", { className: "faint" }, "Waits for its turn…")],
  runs: (item) => [el("p", { className: "faint" }, "Looking…"), el("div", { className: "row" }, button("Cancel", "cancel", () => item.stop.abort()))],
  cancelled: (item) => [el("p", { className: "faint" }, "Cancelled."), endings(item, button("Try again", "retry", () => retry(item)))],
  failed: (item) => [complaint(item.problem), endings(item, item.source && button("Try again", "retry", () => retry(item)))],
  done: (item) => {
    const { answer } = item;
    return [
      el("h2", { className: "top" }, el("strong", {}, answer.confident ? answer.label : "not sure"), el("span", {}, answer.confident ? percent(answer.confidence) : `perhaps ${answer.label}`)),
      !answer.confident && el("p", { className: "notice unsure" },
        "The picture is unlike what the model has learnt, or fits several classes alike. Take what follows for a guess."),
      shares(answer),
      endings(item, button("Why?", "why", () => turn(item), { ariaExpanded: String(Boolean(item.open)) })),
      el("p", { className: "faint small" }, `By ${answer.model}/${answer.version}, ${Math.round(answer.latency_ms)} ms.`),
    ].filter(Boolean);
  },
};

const endings = (item, ...buttons) =>
  el("div", { className: "row" }, ...buttons, button("Remove", "remove", () => remove(item), { ariaLabel: `Remove ${item.name} from this list` }));

/** Every class as a bar, the likeliest first; beyond a few they are folded up. */
function shares({ probabilities, confident }) {
  const sorted = Object.entries(probabilities).sort(([, one], [, other]) => other - one);
  const line = ([label, share]) =>
    el("li", {}, el("span", {}, label), bar(share, confident ? {} : { className: "bar unsure" }), el("span", {}, percent(share)));
  const first = el("ul", { className: "shares", ariaLabel: "Probabilities" }, ...sorted.slice(0, SHOWN).map(line));
  const rest = sorted.slice(SHOWN);
  if (!rest.length) return first;
  return el("div", {}, first,
    el("details", { className: "small" }, el("summary", {}, `${plural(rest.length, "class").replace(/classs$/, "classes")} more`), el("ul", { className: "shares" }, ...rest.map(line))));
}

function turn(item) {
  item.open = !item.open;
  item.look ??= asFirst(item.answer.label);
  paint(item);
  stored(item);
}

function unfold(item, picture, said) {
  if (!item.blob) return;
  const { canvas, controls } = explanation(item, () => stored(item), item.ended.signal);
  picture.replaceChildren(canvas);
  const { width, height } = item.answer.source;
  canvas.style.aspectRatio = `${width} / ${height}`;
  said.querySelector(".row").after(controls);
}
