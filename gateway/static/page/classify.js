// The first view: pictures in, answers out.

import { giveWays } from "./giving.js";
import { resume } from "./queue.js";

let started = false;

/** Called at once, whichever view is shown: pictures may be dropped on any. */
export function start() {
  if (started) return;
  started = true;
  giveWays();
  resume();
}

/** Called whenever the view is shown; all of it stays as it was left. */
export const enter = start;
