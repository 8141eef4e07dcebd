// What was predicted so far? A list to filter, to correct and to delete from; new predictions join it by themselves.

import { dialog, flush, more, remove, undoByKey } from "./deletions.js";
import { el } from "./dom.js";
import { filters, paintFilters, pickedNote } from "./history_filters.js";
import { body, heading, lately, list, load, seen, stop } from "./history_list.js";
import { come, followScroll, go, stayPut } from "./history_moves.js";
import { correct, startCorrecting } from "./history_row.js";
import { hashOf, past, understood } from "./history_state.js";
import { status, wrong } from "./history_words.js";

const head = el("div", { className: "past-head" }, heading, lately, pickedNote);
const ACTS = {
  correct: startCorrecting,
  restore: (item) => correct(item, null),
  delete: (item, event) => remove(item, event.detail === 0),
};
let left = null; // aborted when the view is left

list.addEventListener("click", (event) => {
  const act = event.target.closest("[data-act]")?.dataset.act;
  if (!(act in ACTS)) return;
  const { id } = event.target.closest("[data-id]").dataset;
  ACTS[act](past.items.find((item) => item.id === id), event);
});

/** Show the list that the address asks for; anew when the address changes or another model is picked. */
export function enter(section, wanted) {
  if (!left) arrive(section);
  const before = past.asked;
  past.asked = understood(wanted);
  const { said, follows, query, picked } = past.asked;
  if (before && before.picked !== picked && follows && query.cursor) return go(hashOf(said), true);
  come();
  paintFilters();
  load();
}

/** Stop asking; what was deleted and could still be put back is deleted now. */
export function leave() {
  left?.abort();
  left = past.asked = null;
  stop();
  stayPut();
  flush();
}

function arrive(section) {
  left = new AbortController();
  const { signal } = left;
  if (!head.isConnected) section.append(head, filters, wrong, body, more, status, dialog);
  followScroll(signal);
  addEventListener("pagehide", flush, { signal });
  document.addEventListener("visibilitychange", seen, { signal });
  document.addEventListener("keydown", undoByKey, { signal });
}
