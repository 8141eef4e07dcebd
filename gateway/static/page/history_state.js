// What is asked for, and what is listed: the state that the history's modules share, and the addresses that ask.

import { query } from "./api.js";
import { chosen, named } from "./chosen.js";

export const HOME = "#/history";
export const LIMIT = 24;
/** As the model in the address: all of them, whichever is picked. */
export const EVERY = "*";
const NAMES = ["label", "model", "version", "since", "until", "confident", "corrected"];

export const past = {
  asked: null, // what the address and the picker ask for; null when the view is left
  listedFor: null, // the key of what is listed
  items: [],
  next: null, // the cursor of older ones
  held: 0, // new ones that wait for the reader's click
  failure: null, // why nothing is listed
  changes: 0, // answers to what was asked before a change are out of date
  gone: new Map(), // what was deleted here; unless it is sent, it may be put back: { item, key, sent } by id
};

/**
 * What an address asks for: what is `said` by it, whether it `follows` what is `picked` at the top, and the API's
 * `query`, an object, with the `key` that tells it from others.
 */
export function understood(wanted) {
  const said = Object.fromEntries(NAMES.map((name) => [name, wanted.get(name) ?? ""]));
  const { model, version } = chosen();
  const follows = !said.model && !said.version;
  const choice = follows ? { model, version } : { model: said.model === EVERY ? "" : said.model };
  const asked = { ...said, ...choice, until: endOf(said.until), cursor: wanted.get("cursor") ?? "", limit: LIMIT };
  return { said, follows, query: asked, picked: named(model, version), key: query(asked) };
}

/** The address of what is said. */
export const hashOf = (said, cursor = "") => HOME + query({ ...said, cursor });

/** Whether a part is asked for; to ask for all models is something only where one is `picked`. */
export const isFiltered = (said, picked = "") => NAMES.some((name) => said[name] && (picked || said[name] !== EVERY));

/** The order of the list. */
export const byNewest = (a, b) => (a.created_at + a.id < b.created_at + b.id ? 1 : -1);

/** The API's `until` isn't included: the day after. What is no day is sent as it is, and the API says what is wrong. */
function endOf(day) {
  const moment = new Date(`${day}T00:00:00Z`);
  if (Number.isNaN(moment.getTime()) || !moment.toISOString().startsWith(`${day}T`)) return day;
  const after = new Date(moment.getTime() + 86_400_000).toISOString().slice(0, 10);
  return /^\d/.test(after) ? after : day;
}
