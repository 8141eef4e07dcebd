// Which model and version everything is asked of, and of what the picker is made.

import * as api from "./api.js";
import { el } from "./dom.js";

const KEY = "model";
let listed = { default: null, models: [] };

/** { model, version } for a query; empty for the default model's newest. */
export function chosen() {
  const [model = "", version = ""] = (localStorage.getItem(KEY) ?? "").split("/");
  return { model, version };
}

/** What /models said last. */
export const models = () => listed;

/** The class names of what is chosen, as its card has them; the default model's where the choice has no card now. */
export async function labels() {
  const { model, version } = chosen();
  return (await api.json(`/classes${api.query({ model, version })}`)).classes;
}

/** Fill the picker, and tell `changed` when another model is picked. */
export async function pick(select, changed) {
  listed = await api.models();
  const options = [el("option", { value: "" }, listed.default ? `${listed.default}, newest` : "none")];
  for (const { name, versions } of listed.models) {
    if (name !== listed.default) options.push(el("option", { value: name }, `${name}, newest`));
    for (const { version, state } of versions) {
      const available = state === "AVAILABLE";
      options.push(el("option", { value: `${name}/${version}`, disabled: !available }, `${name}/${version}`));
    }
  }
  select.replaceChildren(...options);
  const wanted = localStorage.getItem(KEY) ?? "";
  select.value = options.some((option) => option.value === wanted && !option.disabled) ? wanted : "";
  if (select.value === "") localStorage.removeItem(KEY);
  select.onchange = () => {
    localStorage.setItem(KEY, select.value);
    changed();
  };
}
