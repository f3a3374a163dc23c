// What is marked of an item's images: one value, and what becomes of it. Nothing here touches the page.
//
// Places are shares of an image as it is drawn, (0, 0) at its top left; `image` is its place on the screen, from 0;
// words are [start, end) in code points of the prompt.

/** @typedef {{ image: number, kind: string, x: number, y: number, w?: number, h?: number }} Region */
/** @typedef {{ image: number, start: number, end: number }} Word */
/** @typedef {{ regions: readonly Region[], words: readonly Word[], nothing: readonly number[] }} Marks */

/** @type {Marks} */
export const NONE = Object.freeze({ regions: [], words: [], nothing: [] });

const LEAST_BOX = 0.005; // a hand that trembles draws no box

/** @param {Marks} marks */
export function isEmpty({ regions, words, nothing }) {
  return regions.length + words.length + nothing.length === 0;
}

/**
 * With one region more; what has a mark is not said to need none. The same where there are too many already.
 * @param {Marks} marks
 * @param {Region} region
 * @param {number} most
 * @returns {Marks}
 */
export function withRegion(marks, region, most) {
  if (marks.regions.filter(({ image }) => image === region.image).length >= most) return marks;
  return { ...marks, regions: [...marks.regions, region], nothing: without(marks.nothing, region.image) };
}

/**
 * @param {Marks} marks
 * @param {Region} region
 * @returns {Marks}
 */
export function withoutRegion(marks, region) {
  return { ...marks, regions: marks.regions.filter((one) => one !== region) };
}

/**
 * A word of an image is marked, or is not any more.
 * @param {Marks} marks
 * @param {Word} word
 * @returns {Marks}
 */
export function withWord(marks, word) {
  const rest = marks.words.filter((one) => !isSame(one, word));
  if (rest.length < marks.words.length) return { ...marks, words: rest };
  return { ...marks, words: [...rest, word], nothing: without(marks.nothing, word.image) };
}

/**
 * An image is said to need no mark, or is not any more; what was marked of it goes.
 * @param {Marks} marks
 * @param {number} image
 * @returns {Marks}
 */
export function withNothing(marks, image) {
  if (marks.nothing.includes(image)) return { ...marks, nothing: without(marks.nothing, image) };
  /** @param {Region | Word} one */
  const others = (one) => one.image !== image;
  return { regions: marks.regions.filter(others), words: marks.words.filter(others), nothing: [...marks.nothing, image] };
}

/**
 * The images, of so many, that have no mark and are not said to need none.
 * @param {Marks} marks
 * @param {number} count
 * @returns {number[]}
 */
export function bare({ regions, words, nothing }, count) {
  const named = new Set([...[...regions, ...words].map(({ image }) => image), ...nothing]);
  return Array.from({ length: count }, (_, image) => image).filter((image) => !named.has(image));
}

/**
 * The box between two corners, inside the image; null where it is too small to be meant.
 * @param {[number, number]} one
 * @param {[number, number]} other
 */
export function boxBetween(one, other) {
  const [[x, right], [y, bottom]] = [0, 1].map((axis) => [one[axis], other[axis]].map(inside).sort((a, b) => a - b));
  return Math.min(right - x, bottom - y) < LEAST_BOX ? null : { x, y, w: right - x, h: bottom - y };
}

/** @param {number} share */
export function inside(share) {
  return Math.min(Math.max(share, 0), 1);
}

/**
 * The region of an image nearest to a point, of those within `reach`; null where none is.
 * @param {Marks} marks
 * @param {number} image
 * @param {[number, number]} point
 * @param {number} reach
 */
export function nearest({ regions }, image, [x, y], reach) {
  /** @param {Region} one */
  const away = (one) => Math.hypot(one.x + (one.w ?? 0) / 2 - x, one.y + (one.h ?? 0) / 2 - y);
  const own = regions.filter((one) => one.image === image).sort((a, b) => away(a) - away(b));
  return own.length > 0 && away(own[0]) <= reach ? own[0] : null;
}

/** @param {Word} a @param {Word} b */
function isSame(a, b) {
  return a.image === b.image && a.start === b.start && a.end === b.end;
}

/** @param {readonly number[]} images @param {number} image */
function without(images, image) {
  return images.filter((one) => one !== image);
}
