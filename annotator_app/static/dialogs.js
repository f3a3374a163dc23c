// Windows over the screen: keys, instructions, reasons, comment. Escape closes each.

import { placed } from "./arrangement.js";
import { fill, make, part } from "./dom.js";
import { keysOf, kindsOf, MARK_KEYS } from "./keys.js";
import { leaderboardIn } from "./leaderboard.js";
import { known, pick, t } from "./texts.js";

export function isOpen() {
  return document.querySelector("dialog[open]") !== null;
}

/** What each key does: keys.js has the table, docs/keyboard.md the same in full. */
export function showHelp(study) {
  const shown = (key) => key.replace(/1–6$/, `1–${study.images}`); // as many as there are images
  const rows = keysOf(kindsOf(study)).map(({ keys, does }) =>
    make("tr", {}, make("th", { scope: "row" }, ...keys.flatMap((key) => [make("kbd", { textContent: shown(key) }), " "])),
      make("td", {}, ...wordsFor(does, study.mode))));
  const half = Math.ceil(rows.length / 2);
  const tables = [rows.slice(0, half), rows.slice(half)].map((some) => make("table", {}, make("tbody", {}, ...some)));
  const rules = { pairwise: ["help.pairs"], ranking: ["help.ranking"], best_worst: ["help.best_worst"], questions: ["help.questions"] }[study.mode] ?? ["help.typing", "help.hundred", "help.done"];
  return openWindow(make("dialog"), "help", t("help"), make("div", { className: "columns" }, ...tables),
    ...rules.map((key) => make("p", { className: "quiet-text", textContent: t(key) })), ...(study.marks === null ? [] : markHelp(study.marks)));
}

/** The keys of marking, as far as there is something to mark. */
function markHelp({ kinds, words }) {
  const shown = MARK_KEYS.filter(({ on }) => on === "both" || (on === "cross" ? kinds.length > 0 : words));
  const rows = shown.map(({ keys, does }) => make("tr", {},
    make("th", { scope: "row" }, ...keys.flatMap((key) => [make("kbd", { textContent: key }), " "])), make("td", { textContent: t(`key.${does}`) })));
  return [make("h3", { textContent: t("help.marks") }), make("table", {}, make("tbody", {}, ...rows))];
}

/** What a key does while a score is waited for, and, where that is another thing, while a number is typed. */
function wordsFor({ waiting, typing }, mode) {
  const within = t("help.while_typing", { does: t(`key.${typing}`) });
  if (waiting === null) return [within];
  if (typing === "erase" && (mode === "ranking" || mode === "best_worst")) return [t("key.back"), make("br"), t("help.while_ordering")];
  const isSame = typing === null || typing === waiting || typing === "extend" || mode !== "rating";
  return isSame ? [placed(`key.${waiting}`)] : [placed(`key.${waiting}`), make("br"), within];
}

/** The study's instructions: HTML that the server made from Markdown and cleaned. */
export function showInstructions(study) {
  const body = make("div", { className: "instructions" });
  fill(body, pick(study.instructions) ?? "");
  return openWindow(make("dialog"), "instructions", t("instructions"), body);
}

/** The leaderboard as it stands. */
export function showLeaderboard(html) {
  return openWindow(make("dialog"), "leaderboard", t("leaderboard"), make("div", {}, ...leaderboardIn(html)));
}

/** Ask why a criterion cannot be judged; resolves to {reason, all}, or null where nothing was chosen. */
export function askReason(reasons, criterion) {
  const dialog = make("dialog");
  const all = make("input", { type: "checkbox" });
  const choose = (reason) => closeWindow(dialog, { reason, all: all.checked });
  const buttons = reasons.map((reason, i) => {
    const button = make("button", { type: "button", className: "reason" },
      make("kbd", { textContent: i + 1 }), ` ${known("reason", reason, reason)}`);
    button.addEventListener("click", () => choose(reason));
    button.autofocus = i === 0;
    return button;
  });
  const label = make("label", { className: "all" }, all, ` ${t("excuse.all")} `, make("kbd", { textContent: "A" }));
  dialog.addEventListener("keydown", (event) => {
    const digit = Number(/^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1] ?? NaN);
    if (digit <= reasons.length) choose(reasons[digit - 1]);
    else if (event.code === "KeyA" || event.key === "a") all.checked = !all.checked;
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const at = buttons.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
      buttons[(at + buttons.length) % buttons.length].focus();
    } else return;
    event.preventDefault();
    event.stopPropagation(); // the window may be gone already: the key must not reach the screen
  });
  makeRoom();
  return openWindow(dialog, "reasons", t("excuse.why", { criterion }), make("div", { className: "reasons" }, ...buttons, label));
}

/** Edit the comment; resolves to the new one, or null where it was left as it was. */
export function askComment(comment) {
  const dialog = make("dialog");
  const field = make("textarea", { value: comment, rows: 4, maxLength: 2000, "aria-label": t("comment") });
  const keep = make("button", { type: "submit", className: "primary", textContent: t("comment.keep") });
  const form = make("form", { className: "comment", method: "dialog" }, field,
    make("p", { className: "quiet-text", textContent: t("comment.hint") }), keep);
  form.addEventListener("submit", () => closeWindow(dialog, field.value.trim()));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  makeRoom();
  const answered = openWindow(dialog, "comment", t("comment"), form);
  field.focus();
  field.setSelectionRange(comment.length, comment.length);
  return answered;
}

/** On a phone, where the image stays above the scores: scroll it up to the top, that a window fits below it. */
function makeRoom() {
  const stage = part("stage");
  if (getComputedStyle(stage).position === "sticky") window.scrollBy(0, stage.getBoundingClientRect().top);
}

/** Ask an administrator who is no annotator of a study whether to be one; resolves to true, or null. */
export function askToJoin(study) {
  const dialog = make("dialog");
  const join = make("button", { type: "button", className: "primary", textContent: t("studies.join_now") });
  join.addEventListener("click", () => closeWindow(dialog, true));
  const answered = openWindow(dialog, "join", t("studies.join_title", { study }), make("p", { textContent: t("studies.join_means") }), make("p", {}, join));
  join.focus();
  return answered;
}

const answers = new WeakMap();

/** Show a window; resolves to what `closeWindow` is given, or null where it is closed without. */
export function openWindow(dialog, kind, title, ...content) {
  const close = make("button", { type: "button", className: "quiet close", textContent: "✕", ariaLabel: t("close") });
  close.addEventListener("click", () => closeWindow(dialog, null));
  dialog.className = `window window-${kind}`;
  dialog.ariaLabel = title;
  dialog.append(make("header", {}, make("h2", { textContent: title }), close), ...content);
  dialog.addEventListener("click", (event) => { if (event.target === dialog) closeWindow(dialog, null); });
  dialog.addEventListener("close", () => closeWindow(dialog, null));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => { answers.set(dialog, resolve); });
}

/** Close a window at once: the browser's own close event comes a frame later, after the next key. */
export function closeWindow(dialog, answer) {
  dialog.close(); // puts the focus back where it was
  dialog.remove();
  answers.get(dialog)?.(answer);
}
