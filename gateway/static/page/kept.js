// What the reader has put on the page outlives a reload: pictures and their answers lie in the browser's own database.
// It belongs to the tab, holds the last few pictures, and what another day's tabs left is thrown away.

import { inTab } from "./remembered.js";

const STORE = "pictures";
const MAX = 60;
const MAX_AGE_MS = 12 * 60 * 60 * 1000;
const KEY = "tab";

const tab = inTab.getItem(KEY) ?? String(Date.now() + Math.random());
inTab.setItem(KEY, tab);

let opened = null;

function database() {
  opened ??= new Promise((resolve, reject) => {
    const asked = indexedDB.open("page", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(STORE, { keyPath: "key" });
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
  return opened;
}

/** Do something with the store; null where the browser keeps nothing, for instance in a private window. */
async function inStore(mode, work) {
  try {
    const transaction = (await database()).transaction(STORE, mode);
    const asked = work(transaction.objectStore(STORE));
    return await new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(asked?.result ?? null);
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
  } catch {
    return null;
  }
}

/** Keep a picture's state: plain values and blobs, under its `key`. */
export const keep = (state) => inStore("readwrite", (store) => store.put({ ...state, tab, at: Date.now() }));

/** Forget pictures. */
export const forget = (keys) => inStore("readwrite", (store) => keys.forEach((key) => store.delete(key)));

/** This tab's pictures, in the order of their keys; too many or too old ones are forgotten. */
export async function kept() {
  const all = (await inStore("readonly", (store) => store.getAll())) ?? [];
  const fresh = all.filter(({ at }) => Date.now() - at < MAX_AGE_MS).slice(-MAX);
  await forget(all.filter((state) => !fresh.includes(state)).map(({ key }) => key));
  return fresh.filter((state) => state.tab === tab);
}
