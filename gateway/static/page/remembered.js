// What the browser remembers; where it is told to remember nothing, that is as long as the page is open.

function storage(kind) {
  try {
    return window[kind];
  } catch {
    const held = new Map();
    return {
      getItem: (key) => held.get(key) ?? null,
      setItem: (key, value) => held.set(key, value),
      removeItem: (key) => held.delete(key),
    };
  }
}

/** For every visit. */
export const ever = storage("localStorage");

/** For this tab. */
export const inTab = storage("sessionStorage");
