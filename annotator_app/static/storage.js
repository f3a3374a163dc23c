// What the browser keeps: JSON in localStorage, or in memory where the browser refuses that.
//
// All pages of one host share what it keeps, so each key ends in the page's place: its workspace, and its study.

const PREFIX = "nami/";
const PLACE = document.querySelector("[data-place]")?.getAttribute("data-place") ?? "";
const memory = new Map();

/** For what goes with the person at this browser, not with a study: as in older versions, which knew no places. */
export const EVERYWHERE = "";

/** The value kept under `key`, or `fallback`. */
export function load(key, fallback = null, place = PLACE) {
  const name = named(key, place);
  if (memory.has(name)) return structuredClone(memory.get(name));
  try {
    return JSON.parse(localStorage.getItem(name)) ?? fallback;
  } catch {
    return fallback;
  }
}

/** Keep `value`; false where it lasts only as long as the page does. */
export function save(key, value, place = PLACE) {
  const name = named(key, place);
  try {
    localStorage.setItem(name, JSON.stringify(value));
    memory.delete(name);
    return true;
  } catch {
    memory.set(name, structuredClone(value));
    return false;
  }
}

export function drop(key, place = PLACE) {
  const name = named(key, place);
  memory.delete(name);
  try {
    localStorage.removeItem(name);
  } catch {
    // Nothing was kept there.
  }
}

/** All keys of this place that begin with `start`. */
export function keys(start) {
  let kept = [];
  try {
    kept = Object.keys(localStorage);
  } catch {
    // Only memory, then.
  }
  const end = named("", PLACE).slice(PREFIX.length);
  return [...new Set([...kept, ...memory.keys()])]
    .filter((name) => name.startsWith(PREFIX + start) && name.endsWith(end))
    .map((name) => name.slice(PREFIX.length, name.length - end.length));
}

/** Take over what an older version kept under a key that nobody else can mean. */
export function claim(key) {
  const older = load(key, null, EVERYWHERE);
  if (older === null || PLACE === EVERYWHERE) return;
  if (load(key) === null && !save(key, older)) return; // it would be gone with the page
  drop(key, EVERYWHERE);
}

/** The full name of `key` in a place. */
export function named(key, place = PLACE) {
  return PREFIX + key + (place === EVERYWHERE ? "" : `@${place}`);
}
