// Figures to read: tiles, tables that may be folded, and bars.

import { bar, button, el } from "./dom.js";

const FIRST_ROWS = 12;

/** A figure that matters, for a <dl class="tiles">. */
export const tile = (name, value, note, className = "") =>
  el("div", { className }, el("dt", {}, name), el("dd", { className: "figure" }, value),
    el("dd", { className: "small faint" }, note));

/** What may be wider than the page, and is scrolled by keys too. */
export const scroller = (title, ...children) =>
  el("div", { className: "scroller", tabIndex: 0, role: "group", "aria-label": title }, ...children);

/** What is folded, and made when it is opened. */
export function folded(title, make) {
  const fill = () => node.open && node.children.length < 2 && node.append(make());
  const node = el("details", { ontoggle: fill }, el("summary", {}, title));
  return node;
}

/** A folded table that is made when it is looked at. */
export function tableBelow(title, given) {
  const place = scroller(`${title}, as a table`);
  const refresh = () => node.open && place.replaceChildren(table(given().head, given().rows));
  const summary = el("summary", {}, "Show as table", el("span", { className: "unseen" }, `: ${title}`));
  const node = el("details", { ontoggle: refresh }, summary, place);
  return { node, refresh };
}

/** A table whose first column names its rows; all others hold numbers. */
export function table(head, rows) {
  const number = (i) => (i ? "number" : "");
  return el("table", {},
    el("thead", {}, el("tr", {}, head.map((name, i) => el("th", { scope: "col", className: number(i) }, name)))),
    el("tbody", {}, rows.map(([name, ...cells]) =>
      el("tr", {}, el("th", { scope: "row" }, name), cells.map((cell) => el("td", { className: "number" }, cell))))));
}

/** Bars side by side, which are a table already; after the first dozen the others are folded. */
export function bars(title, head) {
  const body = el("tbody");
  const more = button("", toggle);
  const column = (name, className) => el("th", { scope: "col", className }, name);
  const heads = el("tr", {}, column(head[0], ""), el("td"), column(head[1], "number"));
  const whole = el("table", { className: "bars", "aria-label": title }, el("thead", {}, heads), body);
  const empty = el("p", { className: "faint" });
  const node = el("section", { className: "card chart", "aria-label": title }, el("h2", {}, title), whole, empty, more);
  let all = false, rows = [];

  function toggle() {
    all = !all;
    fill();
  }

  function fill() {
    const row = ({ name, share, text }) =>
      el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, bar(share)), el("td", { className: "number" }, text));
    body.replaceChildren(...(all ? rows : rows.slice(0, FIRST_ROWS)).map(row));
    more.hidden = rows.length <= FIRST_ROWS;
    more.textContent = all ? "Show fewer" : `Show all ${rows.length}`;
    more.setAttribute("aria-expanded", all);
  }

  /** Rows are { name, share, text }; without any, the children that say why. */
  function show(given, why = []) {
    rows = given;
    whole.hidden = !rows.length;
    empty.hidden = rows.length > 0;
    empty.replaceChildren(...why);
    fill();
  }

  return { node, show };
}
