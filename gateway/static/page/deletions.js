// Deleting predictions: one at a time with a while to take it back, or all of them after a question.

import * as api from "./api.js";
import { button, el, plural, toast } from "./dom.js";
import { heading, list, load, paint } from "./history_list.js";
import { go } from "./history_moves.js";
import { complain, focusOn, rowOf } from "./history_row.js";
import { HOME, byNewest, past } from "./history_state.js";
import { announce } from "./history_words.js";

const UNDO_S = 8;

/** Take an item from the list; it is deleted when it isn't put back in time. */
export function remove(item, byKey) {
  const node = rowOf(item.id);
  const beside = node.nextElementSibling ?? node.previousElementSibling;
  (beside?.querySelector("[data-act=delete]") ?? beside?.querySelector("button") ?? heading).focus();
  past.gone.set(item.id, { item, key: past.listedFor, sent: false });
  past.changes += 1;
  paint();
  const keys = navigator.platform.startsWith("Mac") ? "⌘Z" : "Ctrl+Z";
  const text = `Deleted ${item.label}${byKey ? `; ${keys} puts it back` : ""}.`;
  toast(text, "Undo", UNDO_S).then((undone) => (undone ? putBack(item.id) : send(item.id)));
}

async function send(id, keepalive = false) {
  const waiting = past.gone.get(id);
  if (!waiting || waiting.sent) return;
  waiting.sent = true;
  try {
    await api.remove(id, keepalive);
  } catch (error) {
    if (error.status !== 404 || error.code === "history_off") return putBack(id, error);
  }
  if (past.asked && !list.childElementCount && past.next) load();
}

function putBack(id, error = null) {
  const { item, key, sent } = past.gone.get(id) ?? {};
  if (!item || (sent && !error)) return;
  past.gone.delete(id);
  past.changes += 1;
  const isListed = past.asked && past.listedFor === key;
  if (error && !isListed) toast(`The ${item.label} wasn't deleted. ${api.sentence(error)}`);
  if (!isListed) return past.asked && load();
  if (!past.items.some((one) => one.id === id)) past.items = [...past.items, item].sort(byNewest);
  paint();
  if (error) return complain(id, `It wasn't deleted. ${api.sentence(error)}`);
  focusOn(id, "delete");
  announce(`${item.label} is back`);
}

const waiting = () => [...past.gone].filter(([, { sent }]) => !sent).map(([id]) => id);

/** Nothing waits any longer: each is deleted by a request that outlives the page, and can't be put back. */
export function flush() {
  const ids = waiting();
  for (const id of ids) send(id, true);
  if (ids.length) document.querySelector("#toast .quiet")?.click();
}

/** The toast is far away for those who go by Tab. */
export function undoByKey(event) {
  const isUndo = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z";
  if (!isUndo || event.target.matches("input, select") || !waiting().length) return;
  event.preventDefault();
  document.querySelector("#toast button:not(.quiet)")?.click();
}

const sure = el("input", { type: "checkbox", required: true });
const wrong = el("p", { className: "wrong", role: "alert" });

/** The question before all are deleted. */
export const dialog = el("dialog", { className: "card past-dialog", "aria-labelledby": "past-clear" },
  el("form", { onsubmit: clearAll },
    el("h2", { id: "past-clear" }, "Delete every prediction?"),
    el("p", {}, "All predictions of all models are deleted for everyone, whatever the filters show, ",
      "and their pictures too. Nobody can undo this."),
    el("label", { className: "row" }, sure, "Yes, delete all of them"),
    wrong,
    el("div", { className: "row" },
      button("Cancel", () => dialog.close(), { className: "quiet", autofocus: true }),
      el("button", { className: "past-danger" }, "Delete all"))));

/** What leads to the question. */
export const more = el("details", { className: "past-more small" },
  el("summary", {}, "More"), button("Delete all…", askToClear));

function askToClear() {
  sure.checked = false;
  wrong.textContent = "";
  dialog.showModal();
}

async function clearAll(event) {
  event.preventDefault();
  wrong.textContent = "";
  try {
    const { deleted } = await api.removeAll();
    past.changes += 1;
    for (const one of past.gone.values()) one.sent = true;
    dialog.close();
    toast(`Deleted ${plural(deleted, "prediction")}.`);
    go(HOME, true);
  } catch (error) {
    wrong.textContent = `Nothing was deleted. ${api.sentence(error)}`;
  }
}
