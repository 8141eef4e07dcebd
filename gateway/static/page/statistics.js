// What do predictions add up to, day by day?

import * as api from "./api.js";
import { bars, chart, columns, line, tile } from "./charts.js";
import { chosen } from "./chosen.js";
import { count, el, percent, plural } from "./dom.js";

const EVERY_MS = 5000;
const DAY_MS = 86_400_000;
const RANGES = { 7: "7 days", 30: "30 days", 90: "90 days", 365: "a year" };
const USUAL = "30";
const WEEKS_FROM = 60; // with more days than this, single ones are too thin to see
const CLASSES = 7;
const SHORT = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const LONG = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeZone: "UTC" });

let view = null;
let stop = () => {};

export function enter(section, wanted) {
  stop();
  view ??= built(section);
  const range = wanted.get("days") in RANGES ? wanted.get("days") : USUAL;
  const asked = { days: range, ...chosen() };
  const ask = (signal) => api.json(`/stats${api.query(asked)}`, { signal });
  const start = () => {
    stop();
    stop = poll(ask, (answer) => show(answer, asked), (problem) => fail(problem, asked, start));
  };
  for (const link of view.ranges.children) {
    if (link.dataset.days === range) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  view.scope.textContent = `${nameOf(asked)}, ${spanOf(range)}. Days are UTC's.`;
  start();
}

export function leave() {
  stop();
}

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
        const isTold = error instanceof api.Problem;
        problem = isTold ? error : new api.Problem("unreadable", "The service's answer can't be read.", 0);
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
export function trouble(problem, again, more = "") {
  const text = el("p", {}, [problem.message, problem.advice, more].filter(Boolean).join(" "));
  if (problem.code === "history_off") return el("div", { className: "notice", role: "status" }, text);
  const button = el("button", { type: "button", className: "quiet small", onclick: again }, "Try again");
  return el("div", { className: "notice bad row", role: "alert" }, text, button);
}

/** Take away what was said of a problem; if the focus was in there, the view's heading gets it. */
export function untrouble(notice) {
  const focused = notice.contains(document.activeElement);
  notice.replaceChildren();
  if (focused) notice.closest("section").querySelector("h1").focus();
}

function nameOf({ model, version }) {
  if (!model) return "All models";
  return version ? `${model}/${version}` : `All versions of ${model}`;
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
  view.notice.replaceChildren(trouble(problem, again, stale ? "What is below is older." : ""));
  view.content.hidden = !stale || view.empty.hidden === false;
  if (!stale) view.empty.hidden = true;
}

function show(answer, asked) {
  const days = answer.days ?? [];
  view.shownFor = JSON.stringify(asked);
  untrouble(view.notice);
  view.empty.hidden = days.length > 0;
  view.content.hidden = !days.length;
  if (!days.length) {
    view.empty.replaceChildren(...nothing(answer, asked));
    return;
  }
  view.content.classList.remove("waiting");
  view.content.removeAttribute("aria-busy");
  const spans = spansOf(days, Number(asked.days));
  const whole = spans.reduce((sum, span) => add(sum, span), blank());
  view.tiles.replaceChildren(...tiles(whole, answer.latency_ms ?? {}));
  view.classes.show(classesOverTime(spans, whole, asked));
  view.confidence.show(confidenceOverTime(spans, whole));
  view.unsure.show(unsureOverTime(spans, whole));
  view.byClass.show(classRows(whole));
  view.accuracy.show(accuracyRows(answer.labelled?.by_class ?? {}), howToCorrect());
}

function nothing(answer, asked) {
  const whose = asked.model ? ` of ${asked.model}${asked.version ? `/${asked.version}` : ""}` : "";
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

function blank(from = 0) {
  return { from, to: from, total: 0, unsure: 0, confidence: 0, labelled: 0, correct: 0, classes: new Map() };
}

function add(sum, { total, unsure, confidence, labelled, correct, classes }) {
  sum.total += total;
  sum.unsure += unsure;
  sum.confidence += confidence;
  sum.labelled += labelled;
  sum.correct += correct;
  for (const [name, number] of classes) sum.classes.set(name, (sum.classes.get(name) ?? 0) + number);
  return sum;
}

function asSpan(day) {
  return { ...day, confidence: day.total * (day.mean_confidence ?? 0), classes: Object.entries(day.by_class ?? {}) };
}

/** Every day of the range, also those without predictions, or seven at a time; the last one is today. */
function spansOf(days, range) {
  const known = new Map(days.map((day) => [Date.parse(day.date), day]));
  const last = Math.max(Math.floor(Date.now() / DAY_MS) * DAY_MS, ...known.keys());
  const size = range > WEEKS_FROM ? 7 : 1;
  const spans = [];
  for (let back = range - 1; back >= 0; back--) {
    const moment = last - back * DAY_MS;
    if (!spans.length || back % size === size - 1) spans.push(blank(moment));
    const span = spans.at(-1);
    span.to = moment;
    if (known.has(moment)) add(span, asSpan(known.get(moment)));
  }
  for (const span of spans) {
    span.short = SHORT.format(span.from);
    span.long = span.to > span.from ? LONG.formatRange(span.from, span.to) : LONG.format(span.from);
  }
  return spans;
}

const shareOf = (part, whole) => (whole ? part / whole : null);
const each = (spans) => (spans.at(-1).to > spans.at(-1).from ? "week" : "day");
const ms = (number) => (number ? `${number < 10 ? number.toFixed(1) : count(Math.round(number))} ms` : "–");

function tiles(whole, latency) {
  const known = `${count(whole.classes.size)} ${whole.classes.size === 1 ? "class" : "classes"}`;
  const checked = whole.labelled ? `${count(whole.correct)} of ${count(whole.labelled)} checked` : "none checked yet";
  return [
    tile("Predictions", count(whole.total), known, "card"),
    tile("Mean confidence", percent(shareOf(whole.confidence, whole.total)), "of the top class", "card"),
    tile("Not sure", percent(shareOf(whole.unsure, whole.total)), plural(whole.unsure, "answer"), "card"),
    tile("Accuracy", percent(shareOf(whole.correct, whole.labelled)), checked, "card"),
    tile("Latency, median", ms(latency.p50), `p95 ${ms(latency.p95)}, all time`, "card"),
  ];
}

const ranked = (classes) => [...classes].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));

function classesOverTime(spans, whole, asked) {
  const all = ranked(whole.classes);
  const largest = all.slice(0, CLASSES).map(([name]) => name).sort(); // a class keeps its colour when ranks change
  const series = largest.map((name, i) => classSeries(name, `c${i}`, spans.map((span) => span.classes.get(name) ?? 0)));
  if (all.length > CLASSES) {
    const rest = spans.map((span, i) => span.total - total(series.map((one) => one.values[i])));
    series.push(classSeries(`${all.length - CLASSES} others`, "c7", rest));
  }
  const most = all.slice(0, 3).map(([name, number]) => `${name} ${count(number)}`).join(", ");
  const what = `Predictions per ${each(spans)} by class in ${spanOf(asked.days)}`;
  return {
    gist: `${what}: ${count(whole.total)} in all; most are ${most}.`,
    columns: spans,
    series,
    format: count,
    whole: true,
    high: Math.max(...spans.map((span) => span.total)),
    told: (at) => {
      const number = plural((spans[at] ?? whole).total, "prediction");
      return at === null ? `${number}, per ${each(spans)}` : `${spans[at].long}: ${number}`;
    },
    table: {
      head: [named(spans), "All", ...series.map((one) => one.name)],
      rows: spans.map((span, i) => [span.long, count(span.total), ...series.map((one) => count(one.values[i]))]),
    },
  };
}

const total = (numbers) => numbers.reduce((sum, number) => sum + number, 0);
const classSeries = (name, className, values) => ({ name, className, values, total: total(values) });

function confidenceOverTime(spans, whole) {
  const values = spans.map((span) => shareOf(span.confidence, span.total));
  const known = values.filter((value) => value !== null);
  const low = Math.min(...known);
  const overall = `${percent(whole.confidence / whole.total)} overall`;
  const range = `from ${percent(low)} to ${percent(Math.max(...known))}, last ${percent(known.at(-1))}`;
  return {
    ...shares(spans, values, "Mean confidence"),
    gist: `Mean confidence per ${each(spans)}: ${range}; ${overall}.`,
    low: Math.min(low, 0.9),
    high: 1,
    told: (at) => (at === null ? `${overall}, per ${each(spans)}` : oneOf(spans[at], values[at])),
  };
}

function unsureOverTime(spans, whole) {
  const values = spans.map((span) => shareOf(span.unsure, span.total));
  const highest = Math.max(...values);
  const overall = `${percent(whole.unsure / whole.total)} overall`;
  const peak = highest ? `, at most ${percent(highest)} on ${spans[values.indexOf(highest)].long}` : "";
  return {
    ...shares(spans, values, "Not sure"),
    gist: `Share of answers that aren't sure, per ${each(spans)}: ${overall}${peak}.`,
    high: Math.max(highest, 0.05),
    told: (at) => (at === null ? `${overall}, per ${each(spans)}` : oneOf(spans[at], values[at])),
  };
}

const shares = (spans, values, name) => ({
  columns: spans,
  series: [{ name, className: "not-sure", values }],
  format: (share) => `${Number((100 * share).toFixed(1))} %`,
  table: {
    head: [named(spans), name, "Predictions"],
    rows: spans.map((span, i) => [span.long, percent(values[i]), count(span.total)]),
  },
});

const named = (spans) => (each(spans) === "week" ? "Week" : "Day");
const oneOf = ({ long, total }, share) =>
  total ? `${long}: ${percent(share)}, ${plural(total, "prediction")}` : `${long}: no predictions`;

function classRows(whole) {
  const all = ranked(whole.classes);
  const text = (number) => `${count(number)} (${percent(number / whole.total)})`;
  return all.map(([name, number]) => ({ name, share: number / all[0][1], text: text(number) }));
}

function accuracyRows(byClass) {
  const text = (correct, total) => `${count(correct)} of ${count(total)} (${percent(correct / total)})`;
  return Object.entries(byClass)
    .sort((a, b) => b[1].total - a[1].total)
    .map(([name, { total, correct }]) => ({ name, share: correct / total, text: text(correct, total) }));
}
