// What the browser keeps: JSON in localStorage, or in memory where the browser refuses that.

const PREFIX = "nami/";
const memory = new Map();

/** The value kept under `key`, or `fallback`. */
export function load(key, fallback = null) {
  if (memory.has(key)) return structuredClone(memory.get(key));
  try {
    return JSON.parse(localStorage.getItem(PREFIX + key)) ?? fallback;
  } catch {
    return fallback;
  }
}

/** Keep `value`; false where it lasts only as long as the page does. */
export function save(key, value) {
  try {
    localStorage.setItem(PREFIX + key, JSON.stringify(value));
    memory.delete(key);
    return true;
  } catch {
    memory.set(key, structuredClone(value));
    return false;
  }
}

export function drop(key) {
  memory.delete(key);
  try {
    localStorage.removeItem(PREFIX + key);
  } catch {
    // Nothing was kept there.
  }
}

/** All keys that begin with `start`. */
export function keys(start) {
  let kept = [];
  try {
    kept = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX)).map((key) => key.slice(PREFIX.length));
  } catch {
    // Only memory, then.
  }
  return [...new Set([...kept, ...memory.keys()])].filter((key) => key.startsWith(start));
}
