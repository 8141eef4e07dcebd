// Asking again and again, and saying what goes wrong with it.

import { sentence } from "./api.js";
import { button, el } from "./dom.js";

const EVERY_MS = 5000;

/**
 * Ask again and again, a while after each answer, and show what has changed.
 *
 * @param ask gets an AbortSignal.
 * @param fail is told a Problem; one that can't pass by itself ends the asking.
 * @returns what ends it; nothing is shown afterwards.
 */
export function poll(ask, show, fail) {
  const control = new AbortController();
  let timer = 0, shown = "";

  async function turn() {
    let answer = null, problem = null;
    if (!document.hidden) {
      try {
        answer = await ask(control.signal);
      } catch (error) {
        problem = error;
      }
    }
    if (control.signal.aborted) return;
    if (!problem || problem.mayPass) timer = setTimeout(turn, EVERY_MS);
    const text = JSON.stringify(answer ?? { problem: problem?.message });
    if (document.hidden || text === shown) return;
    shown = text;
    if (problem) fail(problem);
    else if (answer) show(answer);
  }

  turn();
  return () => {
    control.abort();
    clearTimeout(timer);
  };
}

/** A problem in words, with a button where trying again may help. */
export function trouble(problem, again, more) {
  const text = el("p", {}, sentence(problem, more));
  if (problem.code === "history_off") return el("div", { className: "notice", role: "status" }, text);
  return el("div", { className: "notice bad row", role: "alert" }, text, button("Try again", again));
}

/** Take away what was said of a problem; if the focus was in there, the view's heading gets it. */
export function untrouble(notice) {
  const focused = notice.contains(document.activeElement);
  notice.replaceChildren();
  if (focused) notice.closest("section").querySelector("h1").focus();
}
