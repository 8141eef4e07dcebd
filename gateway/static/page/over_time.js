// What the charts of the statistics show: each class, how sure answers were, and how often right.

import { count, percent, plural } from "./dom.js";
import { shareOf, unitOf } from "./spans.js";

const CLASSES = 7;

const total = (numbers) => numbers.reduce((sum, number) => sum + number, 0);
const classSeries = (name, className, values) => ({ name, className, values, total: total(values) });
const ranked = (classes) => [...classes].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
const headOf = (spans) => (unitOf(spans) === "week" ? "Week" : "Day");

/** How many predictions each class got: a chart of columns. */
export function classesOverTime(spans, whole, range) {
  const all = ranked(whole.classes);
  const largest = all.slice(0, CLASSES).map(([name]) => name).sort(); // a class keeps its colour when ranks change
  const series = largest.map((name, i) => classSeries(name, `c${i}`, spans.map((span) => span.classes.get(name) ?? 0)));
  if (all.length > CLASSES) {
    const rest = spans.map((span, i) => span.total - total(series.map((one) => one.values[i])));
    series.push(classSeries(`${all.length - CLASSES} others`, "c7", rest));
  }
  const most = all.slice(0, 3).map(([name, number]) => `${name} ${count(number)}`).join(", ");
  const what = `Predictions per ${unitOf(spans)} by class in ${range}`;
  return {
    gist: `${what}: ${count(whole.total)} in all; most are ${most}.`,
    columns: spans,
    series,
    format: count,
    whole: true,
    high: Math.max(...spans.map((span) => span.total)),
    told: (at) => {
      const number = plural((spans[at] ?? whole).total, "prediction");
      return at === null ? `${number}, per ${unitOf(spans)}` : `${spans[at].long}: ${number}`;
    },
    table: {
      head: [headOf(spans), "All", ...series.map((one) => one.name)],
      rows: spans.map((span, i) => [span.long, count(span.total), ...series.map((one) => count(one.values[i]))]),
    },
  };
}

/** How sure the answers were: a chart of a line. */
export function confidenceOverTime(spans, whole) {
  const values = spans.map((span) => shareOf(span.confidence, span.total));
  const known = values.filter((value) => value !== null);
  const low = Math.min(...known);
  const overall = `${percent(whole.confidence / whole.total)} overall`;
  const range = `from ${percent(low)} to ${percent(Math.max(...known))}, last ${percent(known.at(-1))}`;
  return {
    ...shares(spans, values, "Mean confidence"),
    gist: `Mean confidence per ${unitOf(spans)}: ${range}; ${overall}.`,
    low: Math.min(low, 0.9),
    high: 1,
    told: (at) => (at === null ? `${overall}, per ${unitOf(spans)}` : oneOf(spans[at], values[at])),
  };
}

/** How many answers weren't sure: a chart of columns. */
export function unsureOverTime(spans, whole) {
  const values = spans.map((span) => shareOf(span.unsure, span.total));
  const highest = Math.max(...values);
  const overall = `${percent(whole.unsure / whole.total)} overall`;
  const peak = highest ? `, at most ${percent(highest)} on ${spans[values.indexOf(highest)].long}` : "";
  return {
    ...shares(spans, values, "Not sure"),
    gist: `Share of answers that aren't sure, per ${unitOf(spans)}: ${overall}${peak}.`,
    high: Math.max(highest, 0.05),
    told: (at) => (at === null ? `${overall}, per ${unitOf(spans)}` : oneOf(spans[at], values[at])),
  };
}

const shares = (spans, values, name) => ({
  columns: spans,
  series: [{ name, className: "not-sure", values }],
  format: (share) => `${Number((100 * share).toFixed(1))} %`,
  table: {
    head: [headOf(spans), name, "Predictions"],
    rows: spans.map((span, i) => [span.long, percent(values[i]), count(span.total)]),
  },
});

const oneOf = ({ long, total }, share) =>
  total ? `${long}: ${percent(share)}, ${plural(total, "prediction")}` : `${long}: no predictions`;

/** How many predictions each class got, as bars. */
export function classRows(whole) {
  const all = ranked(whole.classes);
  const text = (number) => `${count(number)} (${percent(number / whole.total)})`;
  return all.map(([name, number]) => ({ name, share: number / all[0][1], text: text(number) }));
}

/** How often each class was right, as bars. */
export function accuracyRows(byClass) {
  const text = (correct, total) => `${count(correct)} of ${count(total)} (${percent(correct / total)})`;
  return Object.entries(byClass)
    .sort((a, b) => b[1].total - a[1].total)
    .map(([name, { total, correct }]) => ({ name, share: correct / total, text: text(correct, total) }));
}
