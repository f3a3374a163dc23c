// Intervals drawn in a row: the same picture as `rail` of nami_bench/site/rails.py draws.

import { draw } from "./dom.js";

export const WIDTH = 200;

/** From where to where the rails of a column go: all values and intervals, within what is possible. */
export function railRange(cells, limits) {
  const numbers = cells.filter(Boolean).flatMap((cell) => cell.slice(0, 3)).filter((number) => number != null);
  if (!numbers.length) return null;
  let low = Math.min(...numbers);
  let high = Math.max(...numbers);
  const room = (high - low) * 0.05 || Math.abs(high) * 0.05 || 1;
  low -= room;
  high += room;
  if (limits) {
    low = Math.max(low, limits[0]);
    high = Math.min(high, limits[1]);
  }
  return high > low ? [low, high] : null;
}

/** Where a value stands on a rail, 0 to WIDTH. */
export function onRail(value, [low, high]) {
  const at = ((value - low) / (high - low)) * WIDTH;
  return Math.round(Math.min(Math.max(at, 0), WIDTH) * 10) / 10;
}

/** The drawing of a cell [value, low, high, images]; a bound without a value has an open end. */
export function rail(cell, range) {
  const marks = [draw("line", { class: "rail-base", x1: 0, x2: WIDTH, y1: 8, y2: 8 })];
  if (cell && range) {
    const [value, low, high] = cell;
    if (low != null || high != null) {
      const from = low == null ? 0 : onRail(low, range);
      const to = high == null ? WIDTH : onRail(high, range);
      marks.push(draw("rect", { class: "rail-interval", x: from, y: 4, width: Math.max(to - from, 1).toFixed(1), height: 8 }));
    }
    if (value != null) marks.push(draw("circle", { class: "rail-value", cx: onRail(value, range), cy: 8, r: 4.5 }));
  }
  return draw("svg", { class: "rail", viewBox: `0 0 ${WIDTH} 16`, "aria-hidden": "true" }, ...marks);
}
