// What the reader's own browser keeps: which image they preferred. None of it is sent anywhere.

/** What is kept under a name; `otherwise` where nothing is, or the browser keeps nothing. */
export function kept(name, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(name) ?? "null") ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** Keep a value; whether the browser did. */
export function keep(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

/** How often each model was preferred, and ties, of choices by prompt: [[model, times], ...], most first. */
export function tally(choices) {
  const counts = new Map();
  for (const { choice } of Object.values(choices)) counts.set(choice, (counts.get(choice) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}
