// Asking again and again, and saying what goes wrong with it.

import { sentence } from "./api.js";
import { button, el } from "./dom.js";

const EVERY_MS = 5000;

/**
 * Ask again and again, a while after each answer and when the page is looked at again, and show what has changed.
 *
 * @param ask gets an AbortSignal.
 * @param fail is told a Problem; one that can't pass by itself ends the asking.
 * @param every how long a while is, in milliseconds.
 * @returns what ends it; nothing is shown afterwards.
 */
export function poll(ask, show, fail, every = EVERY_MS) {
  const control = new AbortController();
  const { signal } = control;
  let timer = 0, shown = "", asking = false;

  async function turn() {
    if (document.hidden || asking) return;
    let answer = null, problem = null;
    asking = true;
    try {
      answer = await ask(signal);
    } catch (error) {
      problem = error;
    }
    asking = false;
    if (signal.aborted) return;
    clearTimeout(timer);
    if (!problem || problem.mayPass) timer = setTimeout(turn, every);
    const text = JSON.stringify(answer ?? { problem: problem?.message });
    if (text === shown) return;
    shown = text;
    if (problem) fail(problem);
    else if (answer) show(answer);
  }

  document.addEventListener("visibilitychange", turn, { signal });
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
