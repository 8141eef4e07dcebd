// One prediction as a row: what was said, about what, and what its picture shows in truth.

import * as api from "./api.js";
import { named } from "./chosen.js";
import { bar, button, el, percent, when } from "./dom.js";
import { labelsOf } from "./history_filters.js";
import { past } from "./history_state.js";
import { announce } from "./history_words.js";

const rows = new Map(); // { node, told } by id

/** The row of an item, made anew only where it changed and nobody is about to correct it. */
export function row(item) {
  const { id } = item;
  if (!rows.has(id)) rows.set(id, { node: el("li", { className: "past", dataset: { id } }), told: "" });
  const { node, told } = rows.get(id);
  if (told !== JSON.stringify(item) && !node.querySelector("form")) rewrite(item);
  return node;
}

/** The row that there is of an id. */
export const rowOf = (id) => rows.get(id)?.node;

/** Forget all rows but those of the items. */
export function keepRows(items) {
  const ids = new Set(items.map(({ id }) => id));
  for (const id of rows.keys()) if (!ids.has(id)) rows.delete(id);
}

/** Write a row again, if there is one; a focus in it goes to what it was on, or to `act`. */
function rewrite(item, act = document.activeElement?.dataset.act) {
  const entry = rows.get(item.id);
  if (!entry) return false;
  const hadFocus = entry.node.contains(document.activeElement);
  entry.told = JSON.stringify(item);
  const wrong = el("p", { className: "wrong small", role: "alert" });
  entry.node.replaceChildren(thumbnail(item), said(item), about(item), acts(item), wrong);
  if (hadFocus) focusOn(item.id, act);
  return true;
}

/** Focus what does `act` in a row, or else its first button. */
export function focusOn(id, act) {
  const node = rowOf(id);
  (node.querySelector(`[data-act="${act}"]`) ?? node.querySelector("button")).focus();
}

/** Say in a row what went wrong. */
export function complain(id, text) {
  const node = rowOf(id);
  if (node) node.lastChild.textContent = text;
}

/** Whether somebody is at an item's row: it stays until they have left it. */
export function isBusy({ id }) {
  const node = rowOf(id);
  return node && (node.contains(document.activeElement) || node.querySelector("form"));
}

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
  return el("div", { className: "past-said" },
    el("div", { className: "row" }, el("h2", {}, label), unsure, correction(item)),
    el("div", { className: "past-sure" }, shown, el("span", {}, percent(confidence))));
}

function correction({ label, true_label: truth }) {
  if (truth === null) return null;
  const same = truth === label;
  return el("span", { className: same ? "chip good" : "chip bad" }, same ? "confirmed" : `was ${label}, is ${truth}`);
}

function about(item) {
  const model = el("span", { className: "past-model" }, named(item.model, item.version));
  return el("div", { className: "past-about small faint" },
    el("p", {}, model, " · ", when(item.created_at)), el("p", { className: "past-source" }, source(item.source)));
}

function source({ kind, url, filename }) {
  if (kind !== "url" || !url) return el("span", { title: filename }, filename ?? "sent without a name");
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (!["http:", "https:"].includes(parsed?.protocol)) return el("span", { title: url }, url);
  const away = { href: url, title: url, rel: "noreferrer noopener", target: "_blank", dataset: { act: "source" } };
  return el("a", away, parsed.host, el("span", { className: "unseen" }, " (opens a new tab)"));
}

/** The list listens for what is pressed: history.js. */
function acts(item) {
  const of = `${item.label}, ${when(item.created_at).textContent}`;
  const does = (act, text) => button(text, null, { dataset: { act }, "aria-label": `${text} ${of}` });
  const isCorrected = item.true_label !== null;
  return el("div", { className: "past-acts" },
    does("correct", isCorrected ? "Change…" : "Correct…"),
    isCorrected && does("restore", "Take back"),
    does("delete", "Delete"));
}

/** Ask in the row of an item, in place of its buttons. */
export async function startCorrecting(item) {
  const select = el("select", { required: true, "aria-label": `What ${item.label} shows in truth` });
  const option = (name) => el("option", { value: name }, name === item.label ? `${name} (as it says)` : name);
  const add = (names) => select.append(...names.map(option));
  const likely = item.top.map(({ label }) => label);
  select.append(el("option", { value: "" }, "It shows…"));
  add(likely);
  select.value = likely.includes(item.true_label) ? item.true_label : "";
  const end = () => {
    rewrite(item);
    focusOn(item.id, "correct");
  };
  const onsubmit = (event) => {
    event.preventDefault();
    correct(item, select.value);
  };
  const onkeydown = (event) => event.key === "Escape" && end();
  const form = el("form", { className: "past-acts", onsubmit, onkeydown },
    select, el("button", { className: "small" }, "Save"), button("Cancel", end));
  rowOf(item.id).querySelector(".past-acts").replaceWith(form);
  select.focus();
  add((await labelsOf(item.model, item.version)).filter((name) => !likely.includes(name)));
  if (!select.value && item.true_label) select.value = item.true_label;
}

/** Say what an item shows; null takes that back. */
export async function correct(item, label) {
  complain(item.id, "");
  let truth;
  try {
    truth = (await api.correct(item.id, label)).true_label;
  } catch (error) {
    const what = label === null ? "It wasn't taken back" : "It wasn't corrected";
    return complain(item.id, `${what}. ${api.sentence(error)}`);
  }
  past.changes += 1;
  const corrected = { ...item, true_label: truth };
  past.items = past.items.map((one) => (one.id === item.id ? corrected : one));
  if (!rewrite(corrected, "correct")) return;
  announce(truth === null ? "The correction is taken back" : `Corrected: was ${item.label}, is ${truth}`);
}
