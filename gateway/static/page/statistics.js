// What do predictions add up to, day by day?

import * as api from "./api.js";
import { chart, columns, line } from "./charts.js";
import { chosen, named } from "./chosen.js";
import { count, el, percent, plural } from "./dom.js";
import { accuracyRows, classRows, classesOverTime, confidenceOverTime, unsureOverTime } from "./over_time.js";
import { poll, trouble, untrouble } from "./polling.js";
import { shareOf, spansOf, wholeOf } from "./spans.js";
import { bars, tile } from "./tables.js";

const RANGES = { 7: "7 days", 30: "30 days", 90: "90 days", 365: "a year" };
const USUAL = "30";

let view = null;
let stop = () => {};

/** Show the range that the address asks for, of what is picked, and keep it up to date. */
export function enter(section, wanted) {
  stop();
  view ??= built(section);
  const range = wanted.get("days") in RANGES ? wanted.get("days") : USUAL;
  const asked = { days: range, ...chosen() };
  const ask = (signal) => api.statistics(asked, signal);
  const start = () => {
    stop();
    stop = poll(ask, (answer) => show(answer, asked), (problem) => fail(problem, asked, start));
  };
  for (const link of view.ranges.children) {
    if (link.dataset.days === range) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  const { model, version } = asked;
  const whose = !model ? "All models" : version ? named(model, version) : `All versions of ${model}`;
  view.scope.textContent = `${whose}, ${spanOf(range)}. Days are UTC's.`;
  start();
}

/** Stop asking. */
export function leave() {
  stop();
}

const spanOf = (range) => (range === "365" ? "the last year" : `the last ${RANGES[range]}`);

const rangeLinks = () =>
  Object.entries(RANGES).map(([days, name]) => el("a", { href: `#/statistics?days=${days}`, dataset: { days } }, name));

function built(section) {
  const made = {
    ranges: el("div", { className: "segments", role: "group", "aria-label": "Range" }, rangeLinks()),
    scope: el("p", { className: "faint", role: "status" }),
    notice: el("div", { className: "slot" }),
    empty: el("div", { className: "empty", hidden: true }),
    tiles: el("dl", { className: "tiles" }),
    classes: chart("Classes over time", columns),
    confidence: chart("Confidence over time", line),
    unsure: chart("Unsure answers over time", columns),
    byClass: bars("Predictions by class", ["Class", "Predictions"]),
    accuracy: bars("Accuracy by class, all time", ["Answered", "Right of checked"]),
    shownFor: "",
  };
  const pair = (...charts) => el("div", { className: "pair" }, charts.map(({ node }) => node));
  const pairs = [pair(made.confidence, made.unsure), pair(made.byClass, made.accuracy)];
  const head = el("div", { className: "view-head" }, el("h1", { tabIndex: -1 }, "Statistics"), made.ranges);
  made.content = el("div", { className: "figures waiting", "aria-busy": "true" }, made.tiles, made.classes.node, pairs);
  section.replaceChildren(head, made.scope, made.notice, made.empty, made.content);
  return made;
}

function fail(problem, asked, again) {
  const stale = view.shownFor === JSON.stringify(asked);
  view.notice.replaceChildren(trouble(problem, again, stale && "What is below is older."));
  view.content.hidden = !stale || !view.empty.hidden;
  if (!stale) view.empty.hidden = true;
}

function show(answer, asked) {
  const days = answer.days ?? [];
  view.shownFor = JSON.stringify(asked);
  untrouble(view.notice);
  view.empty.hidden = days.length > 0;
  view.content.hidden = !days.length;
  if (!days.length) return view.empty.replaceChildren(...nothing(answer, asked));
  view.content.classList.remove("waiting");
  view.content.removeAttribute("aria-busy");
  const spans = spansOf(days, Number(asked.days));
  const whole = wholeOf(spans);
  view.tiles.replaceChildren(...tiles(whole, answer.latency_ms ?? {}));
  view.classes.show(classesOverTime(spans, whole, spanOf(asked.days)));
  view.confidence.show(confidenceOverTime(spans, whole));
  view.unsure.show(unsureOverTime(spans, whole));
  view.byClass.show(classRows(whole));
  view.accuracy.show(accuracyRows(answer.labelled?.by_class ?? {}), howToCorrect());
}

function nothing(answer, asked) {
  const whose = asked.model ? ` of ${named(asked.model, asked.version)}` : "";
  if (answer.total) {
    return [
      el("strong", {}, `No predictions${whose} in ${spanOf(asked.days)}`),
      el("p", {}, `Older ones: ${count(answer.total)}.`),
      ...(asked.days === "365" ? [] : [el("a", { href: "#/statistics?days=365" }, "Look at a year")]),
    ];
  }
  return [
    el("strong", {}, `No predictions${whose} yet`),
    el("p", {}, "Once there are some, this shows which classes they are, how sure the answers, and how often right."),
    el("a", { className: "button", href: "#/" }, "Classify a picture"),
  ];
}

const howToCorrect = () => [
  "No answer was checked yet. Open one in the ", el("a", { href: "#/history" }, "history"),
  " and say what its picture really shows: then this tells how often each class is right.",
];

const ms = (number) => (number ? `${number < 10 ? number.toFixed(1) : count(Math.round(number))} ms` : "–");

function tiles(whole, latency) {
  const checked = whole.labelled ? `${count(whole.correct)} of ${count(whole.labelled)} checked` : "none checked yet";
  return [
    tile("Predictions", count(whole.total), plural(whole.classes.size, "class"), "card"),
    tile("Mean confidence", percent(shareOf(whole.confidence, whole.total)), "of the top class", "card"),
    tile("Not sure", percent(shareOf(whole.unsure, whole.total)), plural(whole.unsure, "answer"), "card"),
    tile("Accuracy", percent(shareOf(whole.correct, whole.labelled)), checked, "card"),
    tile("Latency, median", ms(latency.p50), `p95 ${ms(latency.p95)}, all time`, "card"),
  ];
}
