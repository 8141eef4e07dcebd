// Which model and version everything is asked of, and of what the picker is made.

import * as api from "./api.js";
import { el } from "./dom.js";
import { ever } from "./remembered.js";

const KEY = "model";
let listed = { default: null, models: [] };

/** { model, version } for a query; empty for the default model's newest. */
export function chosen() {
  const [model = "", version = ""] = (ever.getItem(KEY) ?? "").split("/");
  return { model, version };
}

/** What /models said last. */
export const models = () => listed;

/** How a version of a model is called, or all of its versions. */
export const named = (model, version) => (version ? `${model}/${version}` : model);

/** Fill the picker, and tell `changed` when another model is picked. */
export async function pick(select, changed) {
  listed = await api.models();
  const options = [el("option", { value: "" }, listed.default ? `${listed.default}, newest` : "none")];
  for (const { name, versions } of listed.models) {
    if (name !== listed.default) options.push(el("option", { value: name }, `${name}, newest`));
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
  select.onchange = () => {
    ever.setItem(KEY, select.value);
    changed();
  };
}
