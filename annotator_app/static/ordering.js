// Orders of several images, and their best and worst: what a press or a key makes of them. Nothing here knows a
// screen.
//
// A sketch is the answer so far, one digit for each image in the order in which the images stand: its rank, 1 the
// best, equal in a tie, 0 while it has none. Of best and worst 1 is the best, 3 the worst, and 2 is everything else
// once both are there. A sketch without 0 is the answer itself.

const BEST = "1";
const MIDDLE = "2";
const WORST = "3";
export const OTHERS = "*";

/** @param {number} count */
export function blank(count) {
  return "0".repeat(count);
}

/** @param {string} sketch */
export function isWhole(sketch) {
  return sketch !== "" && !sketch.includes("0");
}

/** @param {string} sketch */
export function isBlank(sketch) {
  return /^0*$/.test(sketch);
}

/** The images of each rank, the best first: "2013" is [[2], [0], [3]], without the second, which has none.
 * @param {string} sketch
 * @returns {number[][]} */
export function groupsOf(sketch) {
  const ranks = [...new Set(sketch)].filter((rank) => rank !== "0").sort();
  return ranks.map((rank) => [...sketch].flatMap((own, image) => (own === rank ? [image] : [])));
}

/** @param {number[][]} groups @param {number} count */
function sketchOf(groups, count) {
  const full = groups.filter((group) => group.length > 0);
  return Array.from({ length: count }, (_, image) => full.findIndex((group) => group.includes(image)) + 1).join("");
}

/** @param {string} sketch @param {number} image */
export function withoutImage(sketch, image) {
  return sketchOf(groupsOf(sketch).map((group) => group.filter((one) => one !== image)), sketch.length);
}

/** `image` behind all that are placed, or, `tied`, beside the last of them. @param {string} sketch @param {number} image @param {boolean} tied */
export function placed(sketch, image, tied) {
  const groups = groupsOf(withoutImage(sketch, image));
  if (tied && groups.length > 0) groups[groups.length - 1].push(image);
  else groups.push([image]);
  return sketchOf(groups, sketch.length);
}

/** `image` before the rank `at` (from 0; their number: behind all), or `among` those of the rank. @param {string} sketch @param {number} image @param {number} at @param {boolean} among */
export function movedTo(sketch, image, at, among) {
  const groups = groupsOf(sketch).map((group) => group.filter((one) => one !== image));
  if (among && at < groups.length) groups[at].push(image);
  else groups.splice(at, 0, [image]);
  return sketchOf(groups, sketch.length);
}

/** The last that was placed goes again, where nobody remembers which it was. @param {string} sketch */
export function withoutLast(sketch) {
  const last = groupsOf(sketch).at(-1);
  return last === undefined ? sketch : withoutImage(sketch, /** @type {number} */ (last.at(-1)));
}

/** `image` as the best, or the worst; it is not both. @param {string} sketch @param {number} image @param {boolean} isBest */
export function extreme(sketch, image, isBest) {
  const mark = isBest ? BEST : WORST;
  const marks = [...sketch].map((own, i) => (i === image ? mark : own === mark || own === MIDDLE ? "0" : own));
  return marks.includes(BEST) && marks.includes(WORST) ? marks.join("").replaceAll("0", MIDDLE) : marks.join("");
}

/** Without that image's being the best or the worst. @param {string} sketch @param {number} image */
export function notExtreme(sketch, image) {
  return [...sketch].map((own, i) => (i === image || own === MIDDLE ? "0" : own)).join("");
}

/** The best and the worst, null where there is none. @param {string} sketch @returns {{ best: number | null, worst: number | null }} */
export function extremesOf(sketch) {
  const at = (/** @type {string} */ mark) => (sketch.includes(mark) ? sketch.indexOf(mark) : null);
  return { best: at(BEST), worst: at(WORST) };
}

/** A press on an image: it gets the next place, or loses the one that it has. @param {string} sketch @param {number} image @param {string} mode */
export function pressed(sketch, image, mode) {
  const start = isWhole(sketch) ? blank(sketch.length) : sketch;
  if (mode === "ranking") return start[image] === "0" ? placed(start, image, false) : withoutImage(start, image);
  if (start[image] !== "0") return notExtreme(start, image);
  return extreme(start, image, !start.includes(BEST));
}

/** Images by their numbers on the screen, as "2 > 1 = 3". @param {string} sketch */
export function orderText(sketch) {
  return groupsOf(sketch).map((group) => group.map((image) => image + 1).join(" = ")).join(" > ");
}

/** Whether an answer is as an expected order says: "2 > 1 = 3", "*" being all others. @param {string} expected @param {string | null | undefined} sketch */
export function meets(expected, sketch) {
  if (typeof sketch !== "string") return false;
  const groups = expected.split(">").map((group) => group.split("=").map((one) => one.trim()));
  const named = new Set(groups.flat());
  const others = [...sketch].map((_, image) => String(image + 1)).filter((one) => !named.has(one));
  const ranks = groups.map((group) => group.flatMap((one) => (one === OTHERS ? others : [one])).map((one) => Number(sketch[Number(one) - 1])));
  const inOrder = ranks.slice(1).every((own, i) => Math.max(...ranks[i]) < Math.min(...own));
  return inOrder && groups.every((group, i) => group[0] === OTHERS || new Set(ranks[i]).size === 1);
}
