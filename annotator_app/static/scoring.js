// The scores of one item as keys and presses make them: a state machine that knows no screen.
//
// docs/keyboard.md is its grammar in words. A state never changes; every transition returns another:
//   scales   of each row {minimum, maximum, step}, or null where a side of a pair is chosen
//   sketches of each row, where images are put in order, the order so far (ordering.js); else null
//   pending  what the next image to be placed is: "tie" with the last, the "worst", or null
//   scores   of each row {value}, {reason} for having none, or null while it has no score
//   active   the row that is worked on
//   text     what is typed of a number so far; `before`: the score that it takes the place of
//   again    the rows that a number may be typed on although they have a score
//   note     what the annotator is told quietly: {key, values, stays}, or null
//   run      the row whose score moves step by step: such a run is undone at once
//   earlier  the state before the last change, for undo
//   asks     of questions: the scores, with what is not asked (asking.js); else as they are

import { asked, CANNOT_TELL, isUnasked, NO, YES } from "./asking.js";
import { longer, read, stepped } from "./entry.js";
import { blank, extreme, isBlank, isWhole, placed, pressed, withoutLast } from "./ordering.js";

/** Begin an item; in a correction all its scores may be typed anew, from the first on. */
export function begun(scales, given, isCorrection, questions = null, sketches = null) {
  const asks = questions === null ? (scores) => scores : (scores) => asked(scores, questions);
  const scores = asks(given);
  const again = new Set(isCorrection ? scales.keys() : []);
  const start = { scales, scores, asks, active: 0, text: "", before: null, again, note: null, run: null, earlier: null, sketches, pending: null };
  return isDue(start, 0) ? start : { ...start, active: nextDue(start, 0) ?? 0 };
}

/** "typing" within a number, "waiting" for a score, or "done": every score is given. */
export function conditionOf(state) {
  if (state.text !== "" || isSketched(state)) return "typing";
  return nextDue(state, state.active) === null ? "done" : "waiting";
}

/** The scores that are finished: a number that is still typed is none yet. */
export function finished({ scores, active, text, before }) {
  return text === "" ? scores : replaced(scores, active, before);
}

/** Effects that choose a side of a pair or answer a question, and the score that they give. */
export const CHOICES = {
  left: { value: "left" },
  tie: { value: "tie" },
  right: { value: "right" },
  bothBad: { value: "both_bad" },
  yes: { value: YES },
  no: { value: NO },
  cannotTell: { reason: CANNOT_TELL },
};

/** What keys.js calls effects; each takes the state and what was typed. */
const EFFECTS = {
  begin,
  extend,
  unused: (state, character) => told(state, { key: "typing.done", values: { key: character } }),
  end: (state) => (state.sketches === null ? ended(state) : toUnrated(state)),
  erase: (state) => (state.sketches === null ? erase(state) : unplaced(state)),
  place: (state, key) => ordered(state, key, (sketch, image) => placed(sketch, image, state.pending === "tie")),
  placeTied: (state, key) => ordered(state, key, (sketch, image) => placed(sketch, image, true)),
  tieNext: (state) => awaiting(state, "tie"),
  best: (state, key) => ordered(state, key, (sketch, image) => extreme(sketch, image, state.pending !== "worst")),
  worst: (state, key) => ordered(state, key, (sketch, image) => extreme(sketch, image, false)),
  worstNext: (state) => awaiting(state, "worst"),
  above: (state) => moved(state, -1),
  below: (state) => moved(state, 1),
  toUnrated,
  less: (state) => steppedBy(state, -1),
  more: (state) => steppedBy(state, 1),
  muchLess: (state) => steppedBy(state, -10),
  muchMore: (state) => steppedBy(state, 10),
  least: (state) => steppedBy(state, -Infinity),
  most: (state) => steppedBy(state, Infinity),
  ...Object.fromEntries(Object.entries(CHOICES).map(([effect, score]) => [effect, (state, key) => chosen(state, score, key)])),
  clear: (state) => {
    if (state.sketches !== null) return sketched(state, state.active, blank(state.sketches[state.active].length));
    return state.scores[state.active] === null ? settled(state) : scored(state, state.active, null);
  },
  undo: (state) => ({ ...(state.earlier ?? settled(state)), note: null, run: null }),
};

/** The state after an effect of a key; null for an effect that is none of the scores'. */
export function after(state, effect, character) {
  return Object.hasOwn(EFFECTS, effect) ? EFFECTS[effect](state, character) : null;
}

/** End the number that is typed, where it is: it stays as it stands. */
export function settled(state) {
  return { ...without(state, state.text === "" ? null : state.active), text: "", before: null, note: null, run: null, pending: null };
}

/** Choose a row, to type its score, whether it has one or not. */
export function picked(state, row) {
  const rest = settled(state);
  if (isUnasked(state.scores[row])) return rest;
  // In the middle of a number this goes on, as the number's end does; else only this row is typed anew.
  if (state.text !== "" && isDue(rest, row)) return at(rest, row);
  return { ...at(rest, row), again: new Set([row]) };
}

/** A control of a row was moved: the score is `value`, and what is typed next belongs to another row. */
export function slid(state, row, value) {
  const rest = settled(state);
  const goesOn = state.run === row && state.text === "";
  const next = goesOn ? { ...rest, scores: replaced(rest.scores, row, { value }) } : scored(state, row, { value });
  return { ...without(next, row), active: row, run: row };
}

/** Choose a score for `row`, or for the one that waits; `key` is named where none does. */
export function chosen(state, score, key, row = target(state)) {
  if (row === null) return EFFECTS.unused(state, key);
  return onward(without(scored(state, row, score), row));
}

/** "Can't judge": one row, or with it all that have no score. */
export function excused(state, row, reason, all) {
  const rest = settled(state);
  const scores = rest.scores.map((score, i) => (i === row || (all && score === null) ? { reason } : score));
  const sketches = rest.sketches?.map((sketch, i) => (scores[i] !== null && "reason" in scores[i] ? blank(sketch.length) : sketch)) ?? null;
  return onward(without({ ...rest, scores, sketches, active: row, earlier: rest }, row));
}

/** An order of `row` is another one; with the last image it is a score, and the next row follows. */
export function sketched(state, row, sketch) {
  const rest = settled(state);
  const score = isWhole(sketch) ? { value: sketch } : null;
  const next = { ...rest, sketches: replaced(rest.sketches, row, sketch), scores: replaced(rest.scores, row, score), active: row, earlier: rest };
  return score === null ? next : onward(without(next, row));
}

/** An image was pressed, for the row that waits. */
export function imagePressed(state, image, mode) {
  return ordered(state, String(image + 1), (sketch) => pressed(sketch, image, mode));
}

/** Whether an order of the active row was begun. */
function isSketched({ sketches, active }) {
  return sketches !== null && !isBlank(sketches[active]) && !isWhole(sketches[active]);
}

/** Put the image that was named `key` somewhere, for the row that waits; a whole order begins anew. */
function ordered(state, key, put) {
  const row = target(state);
  if (row === null) return EFFECTS.unused(state, key);
  const [sketch, image] = [state.sketches[row], Number(key) - 1];
  if (image >= sketch.length) return told(state, { key: "order.off", values: { key, count: sketch.length } });
  return sketched(state, row, put(isWhole(sketch) ? blank(sketch.length) : sketch, image));
}

function awaiting(state, pending) {
  return told({ ...settled(state), pending }, { key: `order.pending.${pending}`, values: {} });
}

/** The last step back: what was placed, or moved. */
function unplaced(state) {
  const { active, sketches, earlier } = state;
  if (earlier !== null && earlier.sketches[active] !== sketches[active]) return { ...earlier, active, note: null, run: null };
  return sketched(state, active, withoutLast(sketches[active]));
}

function begin(state, character) {
  const row = target(state);
  if (row === null) return EFFECTS.unused(state, character);
  const text = longer("", character);
  if (read(text, state.scales[row]) === null) return offScale(state, row, character);
  return accepted({ ...state, active: row, before: state.scores[row], earlier: state }, text);
}

function extend(state, character) {
  const { active, text, scales } = state;
  const scale = scales[active];
  const whole = longer(text, character);
  if (read(whole, scale) !== null) return accepted(state, whole);
  const { value, beyond } = read(text, scale);
  if (beyond) {
    // "100" and a digit that makes "0d" a number of the next row: it was 10, and 0d.
    const parts = split(state, character);
    if (parts !== null) return parts;
  }
  if (value === null) return offScale(state, active, character);
  return begin(ended(state), character); // no longer number of this scale: it was done
}

/** "100" and a digit that makes "0d" a number of the next row: it was 10, and 0d; else null. */
function split(state, character) {
  const [first, second] = [state.text.slice(0, -1), `0${character}`];
  const next = ended(withText(state, first));
  if (next.active === state.active || read(second, next.scales[next.active]) === null) return null;
  const opened = { ...next, before: next.scores[next.active], earlier: next };
  return told(accepted(opened, second), { key: "typing.split", values: { first, second, long: state.text } });
}

/** `text` is what is typed on the active row now. */
function accepted(state, text) {
  const { active, scales } = state;
  const { complete, beyond } = read(text, scales[active]);
  const next = { ...withText(state, text), run: null, note: lasting(state) };
  const isOpen = beyond && opensWithZero(next);
  if (isOpen) return { ...next, note: { key: "typing.open", values: { long: text, short: text.slice(0, -1) } } };
  return complete ? ended(next) : next;
}

/** Whether the row after this one could begin with the zero that "100" ends with. */
function opensWithZero(state) {
  const row = nextDue(without(state, state.active), state.active);
  return row !== null && row !== state.active && read("0", state.scales[row]) !== null;
}

/** End the number that is typed, and go on to the next row that waits; no value of the scale waits itself. */
function ended(state) {
  const { active, text } = state;
  const next = { ...onward(settled(state)), note: lasting(state) };
  return state.scores[active] === null ? told({ ...next, active }, offScale(state, active, text).note) : next;
}

function erase(state) {
  const text = state.text.slice(0, -1);
  // With the last digit gone, all is as it was before the first.
  if (text === "") return { ...state.earlier, active: state.active, note: null };
  return { ...withText(state, text), note: null };
}

function moved(state, by) {
  const { scores } = state;
  let row = state.active;
  do row = (row + by + scores.length) % scores.length; while (isUnasked(scores[row]) && row !== state.active);
  return picked(state, row);
}

function steppedBy(state, steps) {
  const { active, scales, scores } = state;
  return slid(state, active, stepped(scores[active]?.value ?? null, steps, scales[active]));
}

/** The row's score is another one; what was before can come back. */
function scored(state, row, score) {
  const rest = settled(state);
  return { ...rest, scores: state.asks(replaced(rest.scores, row, score)), active: row, earlier: rest };
}

function at(state, row) {
  return { ...state, active: row, note: null, run: null };
}

function onward(state) {
  return at(state, nextDue(state, state.active) ?? state.active);
}

/** A row takes a score where it has none, or was chosen to get another. */
function isDue({ scores, again }, row) {
  return scores[row] === null || (again.has(row) && !isUnasked(scores[row]));
}

/** The first row that waits, from the one below `row` on, round to itself; null where none does. */
function nextDue(state, row) {
  return around(state, row).find((one) => isDue(state, one)) ?? null;
}

function target(state) {
  return isDue(state, state.active) ? state.active : nextDue(state, state.active);
}

/** To the first row without a score, from here on; a row that was chosen and is left so waits no more. */
function toUnrated(state) {
  const { active, scores } = state;
  const row = [active, ...around(state, active)].find((one) => scores[one] === null) ?? active;
  return row === active ? at(state, row) : { ...at(state, row), again: new Set() };
}

function around({ scores }, row) {
  return scores.map((_, i) => (row + 1 + i) % scores.length);
}

function without(state, row) {
  return { ...state, again: new Set([...state.again].filter((one) => one !== row)) };
}

function withText(state, text) {
  const { value } = read(text, state.scales[state.active]);
  return { ...state, text, scores: replaced(state.scores, state.active, value === null ? null : { value }) };
}

function replaced(scores, row, score) {
  return scores.map((one, i) => (i === row ? score : one));
}

function offScale(state, row, key) {
  const { minimum, maximum, step } = state.scales[row];
  return told(state, { key: "typing.off", values: { key, minimum, maximum, step } });
}

function told(state, note) {
  return { ...state, run: null, note: { ...note, stays: true } };
}

/** What was said of a digit stays while further digits are typed. */
function lasting({ note }) {
  return note?.stays === true ? note : null;
}
