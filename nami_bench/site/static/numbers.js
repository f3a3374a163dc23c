// Numbers as people read them.

/** A value with so many decimals, never "-0.0"; "–" for none. */
export function shown(value, decimals) {
  if (value == null) return "–";
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? text.replace("-", "") : text;
}

/** "68.1 to 74.0", "1425 or more", "" for none. */
export function shownInterval(cell, decimals) {
  if (!cell) return "";
  const [, low, high] = cell;
  if (low != null && high != null) return `${shown(low, decimals)} to ${shown(high, decimals)}`;
  if (low != null) return `${shown(low, decimals)} or more`;
  if (high != null) return `${shown(high, decimals)} or less`;
  return "";
}

/** A difference with its sign. */
export function signed(value, decimals) {
  if (value == null) return "–";
  return `${value > 0 ? "+" : ""}${shown(value, decimals)}`.replace("-", "−");
}

/** A p-value: "0.013", "below 0.001". */
export function shownP(value) {
  if (value == null) return "–";
  return value < 0.001 ? "below 0.001" : value.toFixed(3);
}

/** "2.6 B", "" for none. */
export function shownSize(parameters) {
  if (!parameters) return "";
  if (parameters >= 1e9) return `${trimmed(parameters / 1e9)} B`;
  return parameters >= 1e6 ? `${trimmed(parameters / 1e6)} M` : `${parameters}`;
}

function trimmed(value) {
  return value.toFixed(1).replace(/\.0$/, "");
}
