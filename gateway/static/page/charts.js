// Charts of what happened from day to day: SVG for the width there is, a reading of one day, and the same as a table.

import { el, svg } from "./dom.js";
import { tableBelow } from "./tables.js";

const HEIGHT = 210;
const TOP = 8;
const BOTTOM = 26;
const RIGHT = 6;
const CHARACTER = 7; // about as wide as one of an axis' text
const APART = 66; // so far at least are the texts below a chart

/**
 * A chart that stays where it is: `show` draws other data into it, and keeps the focus and what is folded open.
 *
 * @param title what it shows, as a heading.
 * @param paint columns or line.
 */
export function chart(title, paint) {
  const drawing = svg("svg", { role: "img", tabindex: 0, class: "plot" });
  const reading = el("p", { className: "reading", "aria-live": "off" });
  const legend = el("ul", { className: "legend", hidden: true });
  const folded = tableBelow(title, () => data.table);
  const figure = el("figure", { className: "card chart" }, el("h2", {}, title), reading, drawing, legend, folded.node);
  let data = null, at = null, width = 0, scale = null, numbers = [];

  function draw() {
    if (!data || !width) return;
    scale = scaled(data, width);
    drawing.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    const marked = svg("rect", { class: "at", y: TOP, height: scale.bottom - TOP });
    drawing.replaceChildren(marked, ...axes(scale, data), ...paint(scale, data));
    tell();
  }

  function tell() {
    reading.textContent = data.told(at);
    const valueOf = ({ total, values }) => data.format(at === null ? total : values[at]);
    data.series.forEach((one, i) => (numbers[i].textContent = valueOf(one)));
    const marked = drawing.firstChild;
    marked.setAttribute("x", scale.left + (at ?? 0) * scale.step);
    marked.setAttribute("width", at === null ? 0 : scale.step);
  }

  function read(index) {
    if (!scale || index === at) return;
    at = index;
    tell();
  }

  function point(event) {
    if (!scale) return;
    const place = Math.floor((event.clientX - drawing.getBoundingClientRect().left - scale.left) / scale.step);
    read(Math.min(data.columns.length - 1, Math.max(0, place)));
  }

  function key(event) {
    const last = data.columns.length - 1;
    const before = Math.max(0, (at ?? last + 1) - 1), after = Math.min(last, (at ?? last - 1) + 1);
    const to = { ArrowLeft: before, ArrowRight: after, Home: 0, End: last, Escape: null };
    if (!Object.hasOwn(to, event.key)) return;
    event.preventDefault();
    read(to[event.key]);
  }

  drawing.addEventListener("pointermove", point);
  drawing.addEventListener("pointerdown", point);
  drawing.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && read(null));
  drawing.addEventListener("keydown", (event) => data && key(event));
  // Read out while someone moves through it, not when figures refresh by themselves.
  drawing.addEventListener("focus", () => reading.setAttribute("aria-live", "polite"));
  drawing.addEventListener("blur", () => {
    reading.setAttribute("aria-live", "off");
    read(null);
  });
  new ResizeObserver(([entry]) => {
    const now = Math.round(entry.contentRect.width);
    if (now === width) return;
    width = now;
    draw();
  }).observe(drawing);

  function show(given) {
    data = given;
    if (at !== null && at >= data.columns.length) at = null;
    drawing.setAttribute("aria-label", `${data.gist} The arrow keys read it step by step.`);
    numbers = data.series.map(() => el("span", { className: "number" }));
    legend.hidden = data.series.length < 2;
    const swatch = (className) => el("span", { className: `swatch ${className}` });
    const item = ({ name, className }, i) =>
      el("li", { title: name }, swatch(className), el("span", { className: "name" }, name), numbers[i]);
    legend.replaceChildren(...data.series.map(item));
    folded.refresh();
    draw();
  }

  return { node: figure, show };
}

/** Paints every column's values on top of each other. */
export function columns(scale, { columns: along, series }) {
  const gap = Math.min(8, scale.step * 0.25);
  const heights = along.map(() => 0);
  return series.map((one) => {
    const made = svg("g", { class: one.className });
    one.values.forEach((value, i) => {
      if (!value) return;
      const from = heights[i];
      heights[i] += value;
      const x = scale.left + i * scale.step + gap / 2, y = scale.y(heights[i]);
      made.append(svg("rect", { x, y, width: scale.step - gap, height: Math.max(scale.y(from) - y, 1) }));
    });
    return made;
  });
}

/** Paints one line; where nothing is known it is bridged faintly. */
export function line(scale, { series: [one] }) {
  const known = one.values.map((value, i) => [i, value]).filter(([, value]) => value !== null);
  const place = ([i, value]) => `${scale.left + (i + 0.5) * scale.step} ${scale.y(value)}`;
  let solid = "", bridges = "";
  for (let i = 1; i < known.length; i++) {
    const path = `M${place(known[i - 1])}L${place(known[i])}`;
    if (known[i][0] - known[i - 1][0] === 1) solid += path;
    else bridges += path;
  }
  const dots = known.map((pair) => {
    const [cx, cy] = place(pair).split(" ");
    return svg("circle", { cx, cy, r: scale.step > 7 ? 3 : 2 });
  });
  return [svg("path", { class: "bridge", d: bridges }), svg("path", { d: solid }), ...dots];
}

function scaled(data, width) {
  const ticks = rounds(data.low ?? 0, data.high, data.whole);
  const left = CHARACTER * Math.max(...ticks.map((tick) => data.format(tick).length)) + 8;
  const bottom = HEIGHT - BOTTOM;
  const low = ticks[0], span = ticks.at(-1) - low;
  const step = (width - left - RIGHT) / data.columns.length;
  return { width, left, bottom, step, ticks, y: (value) => bottom - ((value - low) / span) * (bottom - TOP) };
}

/** Round numbers around a range, about four steps. */
function rounds(low, high, whole) {
  const rough = Math.max((high - low) / 4, whole ? 1 : 0.001);
  const power = 10 ** Math.floor(Math.log10(rough));
  const fits = (step) => step >= rough * 0.999 && (!whole || Number.isInteger(step));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find(fits);
  const first = Math.floor(low / step + 0.001);
  const steps = Math.max(1, Math.ceil(high / step - 0.001) - first);
  return Array.from({ length: steps + 1 }, (_, i) => (first + i) * step);
}

function axes(scale, data) {
  const right = scale.width - RIGHT;
  const lines = scale.ticks.flatMap((tick) => [
    svg("line", { class: "grid", x1: scale.left, x2: right, y1: scale.y(tick), y2: scale.y(tick) }),
    svg("text", { x: scale.left - 6, y: scale.y(tick) + 4, "text-anchor": "end" }, data.format(tick)),
  ]);
  const last = data.columns.length - 1;
  const each = Math.ceil(APART / scale.step);
  for (let i = last; i >= 0; i -= each) {
    const outside = i === last && scale.step < APART - 20;
    const x = outside ? right : scale.left + (i + 0.5) * scale.step;
    const anchor = outside ? "end" : "middle";
    lines.push(svg("text", { x, y: scale.bottom + 18, "text-anchor": anchor }, data.columns[i].short));
  }
  return lines;
}
