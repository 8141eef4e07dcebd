// Days added up: every day of a range, or every seven of them, as a span with its sums.

const DAY_MS = 86_400_000;
const WEEKS_FROM = 60; // with more days than this, single ones are too thin to see
const SHORT = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const LONG = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeZone: "UTC" });

/** Every day of the range, also those without predictions, or seven at a time; the last one is today. */
export function spansOf(days, range) {
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

/** The sums of all spans. */
export const wholeOf = (spans) => spans.reduce(add, blank());

/** A part's share; null of nothing. */
export const shareOf = (part, whole) => (whole ? part / whole : null);

/** What a span is: a day or a week. */
export const unitOf = (spans) => (spans.at(-1).to > spans.at(-1).from ? "week" : "day");

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
