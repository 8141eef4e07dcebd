// What is said about the list: what is new, what went wrong, and why there's nothing.

import { sentence } from "./api.js";
import { button, el } from "./dom.js";
import { clearer } from "./history_filters.js";
import { isFiltered, past } from "./history_state.js";

/** What is new, for those who don't see it. */
export const status = el("p", { className: "unseen", role: "status" });

/** Said politely; the same words twice are said twice. */
export const announce = (text) => status.replaceChildren(el("span", {}, text));

/** What went wrong, but for a history that is off. */
export const wrong = el("div", { className: "past-wrong", role: "alert" });

/** Why there's nothing. */
export const blank = el("div", { className: "empty" });

/** Whether the service keeps no history. */
export const isOff = () => past.failure?.code === "history_off";

/** Say what went wrong, with a button that asks again, or clears what the API refuses. */
export function paintFailure(again) {
  const { failure } = past;
  if (!failure || isOff()) return wrong.replaceChildren();
  const way = failure.status === 400 ? clearer() : button("Try again", again);
  const hadFocus = wrong.contains(document.activeElement);
  wrong.replaceChildren(el("div", { className: "notice bad row" }, el("p", {}, sentence(failure)), way));
  if (hadFocus) way.focus();
}

const BLANKS = {
  off: () => ["No history here", past.failure.advice],
  page: () => ["Nothing older", "These were the last ones."],
  filtered: () => ["Nothing matches", "No prediction is like that.", clearer()],
  picked: () => ["Nothing yet", `${past.asked.picked} hasn't answered anything so far.`],
  none: () => {
    const way = el("a", { className: "button", href: "#/" }, "Classify a picture");
    return ["Nothing yet", "What you classify will be listed here.", way];
  },
};

/** Say why there's nothing. */
export function paintBlank() {
  const { said, query, follows, picked } = past.asked;
  const ofNone = follows && picked ? "picked" : "none";
  const kind = isOff() ? "off" : query.cursor ? "page" : isFiltered(said) ? "filtered" : ofNone;
  if (blank.dataset.kind === kind + picked) return;
  blank.dataset.kind = kind + picked;
  const [title, text, ...ways] = BLANKS[kind]();
  blank.replaceChildren(el("strong", {}, title), el("p", {}, text), ...ways);
}
