// Which model and version everything is asked of, and of what the picker is made.

import * as api from "./api.js";
import { el } from "./dom.js";
import { poll } from "./polling.js";
import { ever } from "./remembered.js";

const KEY = "model";
const EVERY_MS = 15_000;
let listed = null; // what /models said last

/** { model, version } for a query; empty for the default model's newest. */
export function chosen() {
  const [model = "", version = ""] = (ever.getItem(KEY) ?? "").split("/");
  return { model, version };
}

/** The models as they were listed last. */
export const models = () => listed?.models ?? [];

/** How a version of a model is called, or all of its versions. */
export const named = (model, version) => (version ? `${model}/${version}` : model);

/** Keep the picker at what the service has, and tell `changed` when another model is picked. */
export function keepPicker(select, changed) {
  select.onchange = () => {
    ever.setItem(KEY, select.value);
    changed();
  };
  const away = () => select.replaceChildren(el("option", { value: "" }, "the service is away"));
  poll(api.models, (said) => fill(select, said), () => listed || away(), EVERY_MS);
}

function fill(select, said) {
  listed = said;
  const options = [el("option", { value: "" }, said.default ? `${said.default}, newest` : "none")];
  for (const { name, versions } of said.models) {
    if (name !== said.default) options.push(el("option", { value: name }, `${name}, newest`));
    for (const { version, state } of versions) {
      const available = state === "AVAILABLE";
      const value = named(name, version);
      options.push(el("option", { value, disabled: !available }, value));
    }
  }
  select.replaceChildren(...options);
  const wanted = ever.getItem(KEY) ?? "";
  select.value = options.some(({ value }) => value === wanted) ? wanted : ""; // also one that is away just now
  if (select.value === "") ever.removeItem(KEY);
}
