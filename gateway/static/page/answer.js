// How a picture's state looks: what it is, how far it is, its answer, and why.

import { AWAY, sentence } from "./api.js";
import { bar, button, el, percent, plural } from "./dom.js";

const SHOWN = 5;
const AS_FIRST = { colours: "turbo", strength: 0.6, threshold: 0 };

/** Paint an item anew in its node; `acts` are what the reader can do: retry, remove, and tell that it has changed. */
export function paint(item, acts) {
  const { node, state } = item;
  const focused = node.contains(document.activeElement) ? document.activeElement.dataset.does : null;
  item.ended.abort(); // what the former look asked for
  item.ended = new AbortController();
  const picture = el("div", { className: "picture" }, preview(item));
  const said = el("div", { className: "said" }, el("p", { className: "name" }, describe(item)), SAY[state](item, acts));
  node.replaceChildren(picture, said);
  node.ariaBusy = state === "waits" || state === "runs" ? "true" : null;
  if (state === "done" && item.open) unfold(item, picture, said, acts);
  if (focused) (node.querySelector(`[data-does="${focused}"]`) ?? node.querySelector("button"))?.focus();
}

function describe({ name, answer }) {
  const source = answer?.source;
  return source ? `${name} · ${source.width} × ${source.height} ${source.format}` : name;
}

function preview(item) {
  if (!item.blob) return el("div", { className: "blank" }, item.state === "failed" ? "no picture" : "");
  item.url ??= URL.createObjectURL(item.blob);
  const image = el("img", { src: item.url, alt: item.name });
  image.onerror = () => image.replaceWith(el("div", { className: "blank" }, "no preview"));
  const { width, height } = item.answer?.source ?? {};
  if (width) Object.assign(image, { width, height });
  return image;
}

const SAY = {
  waits: () => faint("Waits for its turn…"),
  runs: ({ stop }) => [faint("Looking…"), row(does("cancel", "Cancel", () => stop.abort()))],
  cancelled: (item, acts) => [faint("Cancelled."), endings(item, acts, again(item, acts))],
  failed: (item, acts) => [complaint(item.problem), endings(item, acts, item.source && again(item, acts))],
  done: (item, acts) => {
    const { answer } = item;
    return [...headline(answer), shares(answer), endings(item, acts, why(item, acts)), by(answer)];
  },
};

const faint = (text) => el("p", { className: "faint" }, text);
const row = (...buttons) => el("div", { className: "row" }, ...buttons);
const does = (act, text, onclick, more = {}) => button(text, onclick, { dataset: { does: act }, ...more });
const again = (item, { retry }) => does("retry", "Try again", () => retry(item));

function endings(item, { remove }, first) {
  const ariaLabel = `Remove ${item.name} from this list`;
  return row(first, does("remove", "Remove", () => remove(item), { ariaLabel }));
}

function headline({ label, confidence, confident }) {
  const [first, then] = confident ? [label, percent(confidence)] : ["not sure", `perhaps ${label}`];
  const title = el("h2", { className: "top" }, el("strong", {}, first), el("span", {}, then));
  if (confident) return [title];
  return [title, el("p", { className: "notice unsure" },
    "The picture is unlike what the model has learnt, or fits several classes alike. Take what follows for a guess.")];
}

const by = ({ model, version, latency_ms: ms }) =>
  el("p", { className: "faint small" }, `By ${model}/${version}, ${Math.round(ms)} ms.`);

/** Every class as a bar, the likeliest first; beyond a few they are folded up. */
function shares({ probabilities, confident }) {
  const sorted = Object.entries(probabilities).sort(([, one], [, other]) => other - one);
  const properties = confident ? {} : { className: "bar unsure" };
  const line = ([label, share]) =>
    el("li", {}, el("span", {}, label), bar(share, properties), el("span", {}, percent(share)));
  const first = el("ul", { className: "shares", ariaLabel: "Probabilities" }, sorted.slice(0, SHOWN).map(line));
  const rest = sorted.slice(SHOWN);
  if (!rest.length) return first;
  const summary = el("summary", {}, `${plural(rest.length, "class")} more`);
  const others = el("ul", { className: "shares" }, rest.map(line));
  return el("div", {}, first, el("details", { className: "small" }, summary, others));
}

function why(item, acts) {
  const turn = () => {
    item.open = !item.open;
    item.look ??= { ...AS_FIRST, label: item.answer.label };
    paint(item, acts);
    acts.changed(item);
  };
  return does("why", "Why?", turn, { ariaExpanded: String(Boolean(item.open)) });
}

async function unfold(item, picture, said, acts) {
  if (!item.blob) return;
  const { signal } = item.ended;
  const place = said.querySelector(".row");
  const loaded = await import("./explain.js").catch(() => null); // not before somebody asks why
  if (signal.aborted) return;
  if (!loaded) return place.after(complaint(AWAY));
  const { canvas, controls } = loaded.explanation(item, () => acts.changed(item), signal);
  picture.replaceChildren(canvas);
  const { width, height } = item.answer.source;
  canvas.style.aspectRatio = `${width} / ${height}`;
  place.after(controls);
}

/** An error in words, with what to do, and a way to try again. */
export const complaint = (problem, again = null) =>
  el("div", { className: "notice bad" }, el("p", {}, sentence(problem)), again && button("Try again", again));
