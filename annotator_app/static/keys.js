// Which key does what. One table for the screen and for its help, so that they cannot differ.
//
// Digits and letters are found by what the key types, and by its place on the keyboard where it
// types nothing of ours: on a French keyboard the digits need Shift, and an input method for
// Chinese or Russian types no Latin letters at all.

/** Every action: the keys as the help shows them, and the screens that have it. */
export const KEYS = [
  { action: "digit", keys: ["0–9"], in: "rating" },
  { action: "less", keys: ["←"], in: "rating" },
  { action: "more", keys: ["→"], in: "rating" },
  { action: "muchLess", keys: ["PageDown"], in: "rating" },
  { action: "muchMore", keys: ["PageUp"], in: "rating" },
  { action: "least", keys: ["Home"], in: "rating" },
  { action: "most", keys: ["End"], in: "rating" },
  { action: "left", keys: ["←", "1"], in: "pairwise" },
  { action: "tie", keys: ["T", "2"], in: "pairwise" },
  { action: "right", keys: ["→", "3"], in: "pairwise" },
  { action: "bothBad", keys: ["B", "4"], in: "pairwise" },
  { action: "previous", keys: ["↑"] },
  { action: "next", keys: ["↓"] },
  { action: "nextUnrated", keys: ["Space"] },
  { action: "clear", keys: ["Delete"] },
  { action: "undo", keys: ["Ctrl+Z"] },
  { action: "excuse", keys: ["X"] },
  { action: "flag", keys: ["F"] },
  { action: "comment", keys: ["C"] },
  { action: "submit", keys: ["Enter"] },
  { action: "back", keys: ["Backspace"] },
  { action: "forward", keys: ["Esc"] },
  { action: "actualSize", keys: ["Z"] },
  { action: "zoomIn", keys: ["+"] },
  { action: "zoomOut", keys: ["−"] },
  { action: "pan", keys: ["Shift+←↑↓→"] },
  { action: "instructions", keys: ["I"] },
  { action: "help", keys: ["?", "H"] },
];

const NAMED = {
  ArrowLeft: "less", ArrowRight: "more", ArrowUp: "previous", ArrowDown: "next",
  PageDown: "muchLess", PageUp: "muchMore", Home: "least", End: "most",
  Delete: "clear", Enter: "submit", Backspace: "back", Escape: "forward", " ": "nextUnrated",
  "+": "zoomIn", "=": "zoomIn", "-": "zoomOut", "−": "zoomOut", "?": "help", "？": "help",
};
const LETTERS = {
  x: "excuse", f: "flag", c: "comment", z: "actualSize", i: "instructions", h: "help", t: "tie", b: "bothBad",
};
const PANS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const IN_PAIRS = { less: "left", more: "right", 1: "left", 2: "tie", 3: "right", 4: "bothBad" };
const TYPING = "textarea, select, [contenteditable], input:not([type=range], [type=radio], [type=checkbox], [type=button])";
const PRESSABLE = "button:not([role=radio]), a[href], summary";
const SCROLLING = new Set(["ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End"]);

/**
 * What a key press means: {action, character?, direction?}, or null where it is not for us: keys
 * typed into a field, composed by an input method, or held with Ctrl, Alt or the like.
 */
export function meaning(event, mode) {
  if (event.isComposing || event.target.closest?.(TYPING)) return null;
  const letter = letterOf(event);
  if (event.ctrlKey || event.metaKey) {
    return letter === "z" && !event.altKey && !event.shiftKey ? { action: "undo" } : null;
  }
  if (event.altKey) return null;
  if (isForTheFocus(event)) return null;
  if (event.shiftKey && event.key in PANS) return { action: "pan", direction: PANS[event.key] };
  const digit = digitOf(event);
  if (digit !== null) {
    return mode === "pairwise" ? actionOf(IN_PAIRS[digit]) : { action: "digit", character: digit };
  }
  if ((event.key === "." || event.key === ",") && mode === "rating") return { action: "digit", character: "." };
  const action = NAMED[event.key] ?? LETTERS[letter];
  return actionOf(mode === "pairwise" ? IN_PAIRS[action] ?? action : action);
}

/** Pressing the button that has the focus; scrolling a long prompt. */
function isForTheFocus({ key, target }) {
  if (key === "Enter" || key === " ") {
    if (target.closest?.(PRESSABLE)) return true;
    return key === " " && target.matches?.("[role=radio][aria-checked=false]");
  }
  return SCROLLING.has(key) && target.matches?.(".prompt") && target.scrollHeight > target.clientHeight;
}

function actionOf(action) {
  return action === undefined ? null : { action };
}

function digitOf(event) {
  if (/^[0-9]$/.test(event.key)) return event.key;
  // Without NumLock the number pad means Home, End and the arrows: those have names.
  const place = /^Digit([0-9])$/.exec(event.code);
  return place !== null && !event.shiftKey ? place[1] : null;
}

function letterOf(event) {
  if (/^[a-z]$/i.test(event.key)) return event.key.toLowerCase();
  const place = /^Key([A-Z])$/.exec(event.code);
  return place === null ? null : place[1].toLowerCase();
}
