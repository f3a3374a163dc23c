// Which models are shown, in which order, and at which place.

/** A cell's merit: the highest is the best, whatever the column; null where there is none. */
export function merit(cell, column) {
  if (!cell) return null;
  const [value, low, high] = cell;
  if (value == null) return low != null ? Infinity : high != null ? -Infinity : null;
  return column.lower ? -value : value;
}

/** [[model's number, place], ...] by merit, those without a number last and without a place. */
export function ranked(cells, column, among) {
  const merits = among.map((model) => [model, merit(cells[model], column)]);
  const known = merits.filter(([, value]) => value != null).sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  const places = new Map();
  known.forEach(([, value], at) => {
    const key = alike(value);
    if (!places.has(key)) places.set(key, at + 1);
  });
  const rows = known.map(([model, value]) => [model, places.get(alike(value))]);
  return [...rows, ...merits.filter(([, value]) => value == null).map(([model]) => [model, null])];
}

function alike(value) {
  return Number.isFinite(value) ? Math.round(value * 1e6) : value;
}

/** Whether a model of so many parameters is in a range "from-to" of billions, "unknown", or "" (any). */
export function inSize(parameters, range) {
  if (!range) return true;
  if (range === "unknown") return !parameters;
  const [from, to] = range.split("-").map(Number);
  return Boolean(parameters) && parameters >= from * 1e9 && (!to || parameters < to * 1e9);
}
