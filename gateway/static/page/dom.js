// Elements, texts and numbers: what every view is made of. Nothing here knows the API.

/**
 * A new element. Properties that the element has are set, others become attributes; `on...` are listeners. Children are
 * nodes or texts, and null or false ones are left out: text never becomes markup.
 */
export function el(name, properties = {}, ...children) {
  return filled(document.createElement(name), properties, children);
}

/** The same in SVG, where everything is an attribute. */
export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null && child !== false));
  return made;
}

/** A small button, which its listener gives its sense. */
export const button = (text, onclick, properties = {}) =>
  el("button", { type: "button", className: "quiet small", onclick, ...properties }, text);

/** What index.html has under an id. */
export const at = (id) => document.getElementById(id);

function filled(made, properties, children) {
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "dataset") Object.assign(made.dataset, value);
    else if (key in made && key !== "list" && key !== "form") made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== false && child !== undefined));
  return made;
}

/** 0.973 as "97 %"; shares near 0 and 1 keep a digit more, so that nothing uncertain reads as certain. */
export function percent(share) {
  if (share === null || share === undefined) return "–";
  if (share === 0 || share === 1) return `${100 * share} %`;
  const digits = share > 0.995 || share < 0.005 ? 1 : 0;
  return `${(100 * Math.min(share, 0.999)).toFixed(digits)} %`;
}

/** A whole number with its thousands apart. */
export const count = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");

/** One thing or many: plural(1, "picture") is "1 picture", plural(2, "class") is "2 classes". */
export const plural = (number, what) =>
  `${count(number)} ${what}${number === 1 ? "" : what.endsWith("s") ? "es" : "s"}`;

let inWords = null; // made when the first moment is told: it takes the browser tens of milliseconds

/** A <time> in the reader's own zone; the exact moment is its title. */
export function when(moment) {
  inWords ??= new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  return el("time", { dateTime: moment, title: moment }, inWords.format(new Date(moment)));
}

/** A share as a bar that screen readers read as text: the text stands beside it. */
export function bar(share, properties = {}) {
  const inner = el("span", { className: "fill" });
  inner.style.inlineSize = `${100 * share}%`; // CSSOM, which the policy allows, unlike a style attribute
  return el("span", { className: "bar", "aria-hidden": "true", ...properties }, inner);
}

let toastEnds = 0;

/**
 * Say something at the page's foot for a while, with an action to take back what was done. Resolves to true if the
 * action was taken, false when the time is over.
 */
export function toast(text, action = null, seconds = 8) {
  const place = at("toast");
  clearTimeout(toastEnds);
  place.dispatchEvent(new Event("replaced"));
  return new Promise((resolve) => {
    const end = (taken) => {
      clearTimeout(toastEnds);
      place.replaceChildren();
      resolve(taken);
    };
    place.replaceChildren(
      el("span", {}, text),
      ...(action ? [el("button", { type: "button", onclick: () => end(true) }, action)] : []),
      el("button", { type: "button", className: "quiet", "aria-label": "Dismiss", onclick: () => end(false) }, "✕"),
    );
    place.addEventListener("replaced", () => resolve(false), { once: true });
    const pass = () => {
      const looked = place.matches(":hover, :focus-within"); // whoever is at it gets more time
      toastEnds = setTimeout(looked ? pass : () => end(false), looked ? 1000 : 0);
    };
    toastEnds = setTimeout(pass, 1000 * seconds);
  });
}
