// The shell: which view is shown, in which colours, with which model.

import { address } from "./api.js";
import { pick } from "./chosen.js";
import { at, el } from "./dom.js";
import { ever } from "./remembered.js";

const VIEWS = {
  classify: () => import("./classify.js"),
  history: () => import("./history.js"),
  statistics: () => import("./statistics.js"),
  models: () => import("./models.js"),
};
let shown = null; // { name, view }

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
  view.enter(at(name), wanted);
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
VIEWS.classify().then((view) => view.start());
addEventListener("hashchange", show);
show();
const picker = at("model");
const refill = () =>
  pick(picker, show).catch(() => {
    picker.replaceChildren(el("option", { value: "" }, "the model server is away"));
    setTimeout(refill, 5000);
  });
refill();
