// The shell: which view is shown, in which colours, with which model.

import { address, AWAY, sentence } from "./api.js";
import { at, el } from "./dom.js";
import { ever } from "./remembered.js";

// The first view is part of the page, and stays as it was left; the others are fetched when they are asked for.
const VIEWS = {
  classify: () => ({ enter() {} }),
  history: () => fetched("history", import("./history.js")),
  statistics: () => fetched("statistics", import("./statistics.js")),
  models: () => fetched("statistics", import("./models.js")),
};
const styles = {}; // promises of style sheets, by name
const lost = el("p", { className: "notice bad", role: "alert" }, sentence(AWAY));
let shown = null; // { name, view }

/** A view's module, once its style sheet is there as well. */
async function fetched(style, module) {
  styles[style] ??= new Promise((resolve, reject) => {
    const href = new URL(`${style}.css`, import.meta.url);
    document.head.append(el("link", { rel: "stylesheet", href, onload: resolve, onerror: reject }));
  });
  try {
    const [view] = await Promise.all([module, styles[style]]);
    return view;
  } catch {
    delete styles[style];
    return { enter: (section) => section.prepend(lost) };
  }
}

/** The address after #: a view, and what it is asked for. */
function place() {
  const [path, search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return { name: path in VIEWS ? path : "classify", wanted: new URLSearchParams(search) };
}

async function show() {
  if (location.hash && !location.hash.startsWith("#/")) return; // a place within the page
  const { name, wanted } = place();
  for (const other of Object.keys(VIEWS)) at(other).hidden = other !== name;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (shown?.name !== name) {
    shown?.view?.leave?.();
    if (shown) {
      at("main").focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    shown = { name };
  }
  const view = await VIEWS[name]();
  if (shown.name !== name) return; // the reader has gone on meanwhile
  shown.view = view;
  lost.remove();
  view.enter(at(name), wanted);
}

/** What the first view and the picker need, in one round trip; until it is here the page is a form. */
async function start() {
  const names = ["giving", "queue", "chosen", "answer", "asking", "kept"];
  const [{ giveWays }, { resume }, { keepPicker }] = await Promise.all(names.map((name) => import(`./${name}.js`)));
  giveWays();
  resume();
  keepPicker(at("model"), show);
}

const THEMES = {
  "": ["◐", "Colours: as the system has them"],
  light: ["☀", "Colours: light"],
  dark: ["☾", "Colours: dark"],
};

function theme(button) {
  const paint = () => {
    const name = ever.getItem("theme") ?? "";
    document.documentElement.dataset.theme = name;
    [button.textContent, button.ariaLabel] = THEMES[name] ?? THEMES[""];
    button.title = button.ariaLabel;
  };
  button.onclick = () => {
    const names = Object.keys(THEMES);
    ever.setItem("theme", names[(names.indexOf(ever.getItem("theme") ?? "") + 1) % names.length]);
    paint();
  };
  paint();
}

for (const link of document.querySelectorAll("a[data-api]")) link.href = address(`/${link.getAttribute("href")}`);
theme(at("theme"));
addEventListener("hashchange", show);
show();
start();
