// Which models are there, how are they, and what does the card of one say?

import * as api from "./api.js";
import { chosen, named } from "./chosen.js";
import { at, button, el, toast } from "./dom.js";
import { cardOf, chip, stateChip } from "./model_card.js";
import { poll, trouble, untrouble } from "./polling.js";

let view = null;
let stop = () => {};
let follow = ""; // the link in the list that was followed: its card gets the focus

/** Show the models, and the card that the address asks for; keep both up to date. */
export function enter(section, wanted) {
  stop();
  view ??= built(section);
  const cards = new Map();
  const ask = (signal) => found(wanted, cards, signal);
  const fail = (problem) => view.notice.replaceChildren(trouble(problem, again));
  const again = () => {
    stop();
    stop = poll(ask, (answer) => show(answer, again), fail);
  };
  again();
}

/** Stop asking. */
export function leave() {
  stop();
}

function built(section) {
  const made = {
    notice: el("div", { className: "slot" }),
    list: el("div", { className: "models" }),
    card: el("article", { className: "model-card", "aria-label": "Model card" }),
    listed: "",
    carded: "",
  };
  const beside = el("div", { className: "beside" }, made.list, made.card);
  section.replaceChildren(el("h1", { tabIndex: -1 }, "Models"), made.notice, beside);
  return made;
}

/** The models, and the card of the wanted version, of the one in use, or else of the first. */
async function found(wanted, cards, signal) {
  const list = await api.models(signal);
  const used = inUse(list);
  const name = wanted.get("model") || used.model || list.models[0]?.name;
  const versions = list.models.find((model) => model.name === name)?.versions ?? [];
  const version = wanted.get("version") || (name === used.model && used.version) || versions[0]?.version;
  const entry = versions.find((one) => String(one.version) === String(version));
  const answer = { list, used, shown: { name, version: String(version ?? ""), entry } };
  if (!entry || entry.usable === false) return answer;
  const key = JSON.stringify(entry);
  try {
    if (!cards.has(key)) cards.set(key, await api.card(name, version, signal));
    return { ...answer, card: cards.get(key) };
  } catch (error) {
    if (!(error instanceof api.Problem)) throw error;
    const { code, message, advice } = error;
    return { ...answer, wrong: { code, message, advice } };
  }
}

/** What is picked, with the version that answers then. */
function inUse({ default: usual, models }) {
  const { model, version } = chosen();
  const name = model || usual;
  const answers = ({ state, usable }) => state === "AVAILABLE" && usable !== false;
  const newest = models.find((one) => one.name === name)?.versions.find(answers);
  return { model: name, version: version || String(newest?.version ?? "") };
}

function show(answer, again) {
  const { list, used, shown, card, wrong } = answer;
  const silent = ({ versions }) => versions.length > 0 && versions.every(({ state }) => state === "UNKNOWN");
  untrouble(view.notice);
  if (list.models.some(silent)) view.notice.append(away());
  const listed = JSON.stringify([list, used, shown]);
  if (listed !== view.listed) keepFocus(() => view.list.replaceChildren(...allModels(list, used, shown)));
  const carded = JSON.stringify([shown, card, wrong]);
  if (carded !== view.carded) view.card.replaceChildren(...(card ? cardOf(card) : without(shown, wrong, again)));
  Object.assign(view, { listed, carded });
  if (follow && follow === fullName(shown)) view.card.querySelector("h2").focus();
  follow = "";
}

function keepFocus(change) {
  const id = view.list.contains(document.activeElement) ? document.activeElement.id : "";
  change();
  if (id) at(id)?.focus();
}

const fullName = ({ name, version }) => named(name, version);
const away = () =>
  el("p", { className: "notice unsure", role: "status" }, "The model server doesn't say what it serves. ",
    "This page keeps asking; the cards can be read meanwhile.");

function without(shown, wrong, again) {
  if (!shown.name) return [];
  const unread = `This version has no card that can be read: ${shown.entry?.problem || "nothing says why"}.`;
  const said = shown.entry ? unread : "There is no such version. Choose one from the list.";
  const told = wrong ? trouble(wrong, again) : el("p", { className: "notice" }, said);
  return [el("h2", { tabIndex: -1 }, fullName(shown)), told];
}

function allModels(list, used, shown) {
  if (list.models.length) return list.models.map((model) => oneModel(model, list.default, used, shown));
  const advice = "Each version of a model needs a card, at NAME/VERSION/assets.extra/card.json in the model folder.";
  return [el("div", { className: "empty" }, el("strong", {}, "No models"), el("p", {}, advice))];
}

function oneModel({ name, versions }, usual, used, shown) {
  const rows = versions.map((entry) => oneVersion({ name, ...entry, version: String(entry.version) }, used, shown));
  return el("section", { className: "card", "aria-label": name },
    el("div", { className: "row" }, el("h2", {}, name), name === usual && chip("", "default")), el("ul", {}, rows));
}

function oneVersion(entry, used, shown) {
  const { name, version, state, precision, usable, problem } = entry;
  const full = fullName(entry);
  const isUsed = name === used.model && version === used.version;
  const isShown = name === shown.name && version === shown.version;
  const link = el("a", {
    id: `card-${full}`,
    href: `#/models${api.query({ model: name, version })}`,
    "aria-label": `Version ${version} of ${name}`,
    "aria-current": isShown ? "true" : null,
    onclick: () => (follow = full),
  }, `Version ${version}`);
  const use = button(isUsed ? "In use" : "Use this", () => isUsed || pick(full), {
    id: `use-${full}`,
    "aria-label": `${isUsed ? "In use" : "Use this"}: ${full}`,
    "aria-disabled": isUsed ? "true" : null, // disabled it would lose the focus
    disabled: !isUsed && (state !== "AVAILABLE" || usable === false),
  });
  const chips = [stateChip(state), precision && chip("", precision), usable === false && chip("bad", "not usable")];
  const about = el("div", {}, link, el("div", { className: "row chips" }, chips));
  return el("li", {}, about, use, problem && el("p", { className: "small wrong" }, problem));
}

function pick(full) {
  const picker = at("model");
  const listed = [...picker.options].some((option) => option.value === full);
  if (!listed) picker.append(el("option", { value: full }, full)); // it came after the picker was filled
  picker.value = full;
  picker.dispatchEvent(new Event("change"));
  toast(`${full} is asked from now on.`);
}
