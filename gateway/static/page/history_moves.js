// Moving about in the history: to another address, to the top, and back to where one was.

let up = false; // what is shown next is read from its top
let resume = null; // where this entry of the browser's history was scrolled to

/** The scroll position lives in the browser's own entry, so that back and reload find it. */
const remember = () => history.replaceState({ ...history.state, y: scrollY }, "");

/** Remember where the reader scrolls to, until the signal. */
export function followScroll(signal) {
  let scrolled = 0;
  const onscroll = () => {
    clearTimeout(scrolled);
    scrolled = setTimeout(() => !signal.aborted && resume === null && remember(), 150);
  };
  addEventListener("scroll", onscroll, { signal, passive: true });
}

/** This address is come to: what is shown next starts where it was left. */
export function come() {
  resume = history.state?.y ?? null;
}

/** Go to an address; to the same one it is entered anew. */
export function go(hash, toTop = false) {
  remember();
  up = toTop;
  if (location.hash === hash) enterAnew();
  else location.hash = hash;
}

/** Enter the address that is shown anew. */
export const enterAnew = () => dispatchEvent(new Event("hashchange"));

/** What is shown next is read from its top. */
export function toTop() {
  up = true;
}

/** The listener of links: what they lead to is read from its top. */
export function upwards(event) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  remember();
  toTop();
}

/** What was asked for is shown: look at it. */
export function settle(heading) {
  if (up) {
    heading.focus({ preventScroll: true });
    scrollTo(0, 0);
  } else if (resume !== null) scrollTo(0, resume);
  stayPut();
}

/** Nothing is shown: stay where it is. */
export function stayPut() {
  up = false;
  resume = null;
}
