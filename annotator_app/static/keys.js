// What each key does in each state: one table for the screen, its help, and docs/keyboard.md.
//
// Digits and letters are found by what the key types, and by its place on the keyboard where it
// types nothing of ours: on a French keyboard the digits need Shift, and an input method for
// Chinese or Russian types no Latin letters at all.

import { hasDecimals } from "./entry.js";

/** @typedef {{ waiting: string | null, typing: string | null, done: string | null }} Effects */
/** @typedef {{ keys: string[], on: string[], does: Effects, in?: string, notIn?: string, repeats?: boolean, isShared?: boolean, isNumbered?: boolean }} Key */

/** @param {string} effect */
const always = (effect) => ({ waiting: effect, typing: effect, done: effect });
const typed = { waiting: "begin", typing: "extend", done: "unused" };
const placing = (effect) => ({ waiting: effect, typing: effect, done: "unused" });
const choosing = (side) => ({ waiting: side, typing: null, done: "unused" });
const move = (effect) => ({ does: always(effect), repeats: true });

/**
 * Every key: `keys` as the help shows them; `on`, what the browser calls them, in lower case; `does`, its
 * effect while a score is waited for, while a number is typed, and when all scores are done (null: none); `in`
 * and `notIn`, the kinds of study that have it (see `kindsOf`); `repeats`: held, it acts again and again;
 * `isNumbered`: which of the keys it was matters.
 * @type {Key[]}
 */
export const KEYS = [
  { keys: ["0–9"], on: [..."0123456789"], does: typed, in: "rating" },
  { keys: [".", ","], on: [".", ","], does: typed, in: "decimals" },
  { keys: ["−"], on: ["-", "−"], does: typed, in: "signed" },
  { keys: ["←", "1"], on: ["arrowleft", "1"], does: choosing("left"), in: "pairwise" },
  { keys: ["T", "2"], on: ["t", "2"], does: choosing("tie"), in: "pairwise" },
  { keys: ["→", "3"], on: ["arrowright", "3"], does: choosing("right"), in: "pairwise" },
  { keys: ["B", "4"], on: ["b", "4"], does: choosing("bothBad"), in: "pairwise" },
  { keys: ["1–6"], on: [..."123456"], does: placing("place"), in: "ranking", isNumbered: true },
  { keys: ["Shift+1–6"], on: [..."123456"].map((digit) => `shift+${digit}`), does: placing("placeTied"), in: "ranking", isNumbered: true },
  { keys: ["="], on: ["="], does: placing("tieNext"), in: "ranking" },
  { keys: ["1–6"], on: [..."123456"], does: placing("best"), in: "best_worst", isNumbered: true },
  { keys: ["Shift+1–6"], on: [..."123456"].map((digit) => `shift+${digit}`), does: placing("worst"), in: "best_worst", isNumbered: true },
  { keys: ["W"], on: ["w"], does: placing("worstNext"), in: "best_worst" },
  { keys: ["Y", "1"], on: ["y", "1"], does: choosing("yes"), in: "questions" },
  { keys: ["N", "0"], on: ["n", "0"], does: choosing("no"), in: "questions" },
  { keys: ["X"], on: ["x"], does: choosing("cannotTell"), in: "questions" },
  { keys: ["Space"], on: [" "], does: { waiting: "toUnrated", typing: "end", done: null } },
  { keys: ["Tab"], on: ["tab"], does: { waiting: null, typing: "end", done: null }, in: "rating", repeats: true, isShared: true },
  { keys: ["Enter"], on: ["enter"], does: always("submit") },
  { keys: ["Backspace"], on: ["backspace"], does: { waiting: "back", typing: "erase", done: "back" } },
  { keys: ["Delete"], on: ["delete"], does: always("clear") },
  { keys: ["Ctrl+Z"], on: ["ctrl+z"], does: always("undo") },
  { keys: ["↑"], on: ["arrowup"], ...move("above") },
  { keys: ["↓"], on: ["arrowdown"], ...move("below") },
  { keys: ["←"], on: ["arrowleft"], ...move("less"), in: "rating" },
  { keys: ["→"], on: ["arrowright"], ...move("more"), in: "rating" },
  { keys: ["PageDown"], on: ["pagedown"], ...move("muchLess"), in: "rating" },
  { keys: ["PageUp"], on: ["pageup"], ...move("muchMore"), in: "rating" },
  { keys: ["Home"], on: ["home"], ...move("least"), in: "rating" },
  { keys: ["End"], on: ["end"], ...move("most"), in: "rating" },
  { keys: ["X"], on: ["x"], does: always("excuse"), notIn: "questions" },
  { keys: ["M"], on: ["m"], does: always("mark"), in: "marks" },
  { keys: ["F"], on: ["f"], does: always("flag") },
  { keys: ["C"], on: ["c"], does: always("comment") },
  { keys: ["Esc"], on: ["escape"], does: always("forward") },
  { keys: ["Z"], on: ["z"], does: always("actualSize") },
  { keys: ["+"], on: ["+", "="], ...move("zoomIn") },
  { keys: ["−"], on: ["-", "−"], ...move("zoomOut"), notIn: "signed" },
  { keys: ["Shift+←↑↓→"], on: ["shift+arrowleft", "shift+arrowup", "shift+arrowdown", "shift+arrowright"], ...move("pan") },
  { keys: ["I"], on: ["i"], does: always("instructions") },
  { keys: ["?", "H"], on: ["?", "？", "h"], does: always("help") },
];

/** While the cross is on an image, or a word of the prompt has the focus: [keys, where, effect]. */
export const MARK_KEYS = [
  { keys: ["←↑↓→"], on: "cross", does: "cross" },
  { keys: ["Shift+←↑↓→"], on: "cross", does: "crossFar" },
  { keys: ["Enter"], on: "cross", does: "setMark" },
  { keys: ["1–9"], on: "cross", does: "markKind" },
  { keys: ["Delete", "Backspace"], on: "cross", does: "dropMark" },
  { keys: ["Space"], on: "cross", does: "otherImage" },
  { keys: ["W"], on: "cross", does: "toWords" },
  { keys: ["←", "→"], on: "words", does: "nextWord" },
  { keys: ["Enter", "Space"], on: "words", does: "markWord" },
  { keys: ["M"], on: "words", does: "toCross" },
  { keys: ["Esc"], on: "both", does: "leaveMarks" },
];

const NAMES = new Set(KEYS.flatMap(({ on }) => on));
const PANS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const TYPING = "textarea, select, [contenteditable], input:not([type=range], [type=radio], [type=checkbox], [type=button])";
const PRESSABLE = "button:not([role=radio]), a[href], summary";
const SCROLLING = new Set(["ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End"]);

/** What a study is, for its keys: its mode, whether it asks for marks, and whether its numbers have decimals or a
 * minus sign. */
export function kindsOf({ mode, criteria, marks = null }) {
  const base = marks === null ? [mode] : [mode, "marks"];
  if (mode !== "rating") return new Set(base);
  const kinds = { decimals: criteria.some(hasDecimals), signed: criteria.some(({ minimum }) => minimum < 0) };
  return new Set([...base, ...Object.keys(kinds).filter((kind) => kinds[kind])]);
}

/** The rows of the table that a study has. */
export function keysOf(kinds) {
  return KEYS.filter((key) => (key.in === undefined || kinds.has(key.in)) && !kinds.has(key.notIn));
}

/**
 * What a key press means in a state of the scores ("waiting", "typing", "done"): {effect, character, direction,
 * isShared}, `isShared` where the browser is to see the key too. null where it is not for us: keys typed into a
 * field, composed by an input method, or held with Ctrl, Alt or the like. "held": a held key, which acts once.
 */
export function meaning(event, kinds, condition) {
  if (event.isComposing || event.target.closest?.(TYPING)) return null;
  const name = nameOf(event, kinds);
  const key = keysOf(kinds).find(({ on }) => on.includes(name));
  if (key === undefined) return null;
  if (event.repeat && key.repeats !== true) return { effect: "held" };
  if (isForTheFocus(event)) return null;
  const effect = key.does[condition];
  if (effect === null) return name === " " ? { effect: "nothing" } : null; // a space would scroll the page
  const isNamed = key.does === typed || key.isNumbered === true;
  const character = isNamed ? name.replace("shift+", "").replace(",", ".").replace("−", "-") : key.keys[0];
  return { effect, character, direction: PANS[event.key], isShared: key.isShared === true };
}

/** Pressing the button that has the focus; scrolling a long prompt. */
function isForTheFocus({ key, target }) {
  if (key === "Enter" || key === " ") return Boolean(target.closest?.(PRESSABLE));
  return SCROLLING.has(key) && target.matches?.(".prompt") && target.scrollHeight > target.clientHeight;
}

/** A key as the table has it: what it types where the table knows that, else what stands there on other keyboards. */
function nameOf(event, kinds) {
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) return isLetter(event, "z") && !event.altKey && !event.shiftKey ? "ctrl+z" : null;
  if (event.altKey) return null;
  if (event.shiftKey && event.key in PANS) return `shift+${key}`;
  const above = shiftedDigitOf(event);
  if (above !== null && (kinds.has("ranking") || kinds.has("best_worst"))) return `shift+${above}`;
  if (key === "-" && kinds.has("signed")) return key; // on a French keyboard it stands in the place of a digit
  return digitOf(event) ?? (NAMES.has(key) ? key : letterAt(event) ?? key);
}

function digitOf(event) {
  if (/^[0-9]$/.test(event.key)) return event.key;
  // Without NumLock the number pad means Home, End and the arrows: those have names.
  const place = /^Digit([0-9])$/.exec(event.code);
  return place !== null && !event.shiftKey ? place[1] : null;
}

/** The digit whose key was pressed with Shift, where that does not type the digit itself (as on a French keyboard). */
function shiftedDigitOf(event) {
  const place = /^Digit([0-9])$/.exec(event.code);
  return place !== null && event.shiftKey && !/^[0-9]$/.test(event.key) ? place[1] : null;
}

function isLetter(event, letter) {
  return (/^[a-z]$/i.test(event.key) ? event.key.toLowerCase() : letterAt(event)) === letter;
}

function letterAt({ code }) {
  return /^Key([A-Z])$/.exec(code)?.[1].toLowerCase() ?? null;
}
