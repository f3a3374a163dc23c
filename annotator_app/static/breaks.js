// When to rest: after every so many items, counted in this browser over all its tabs and visits.

import { load, save } from "./storage.js";

const KEY = "since-break";

export function countForBreak() {
  save(KEY, load(KEY, 0) + 1);
}

/** How many items were done since the last break, where it is time for the next; else 0. */
export function dueBreak(every) {
  const count = load(KEY, 0);
  if (!(every > 0) || count < every) return 0;
  save(KEY, 0);
  return count;
}
