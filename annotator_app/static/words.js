// The words of a prompt as toggles: pressed where they are missing from an image, or wrong in it.

import { make } from "./dom.js";
import { t } from "./texts.js";

/**
 * The prompt, whose `words` ([start, end) in code points) are buttons. `toggle(word)` is called with such a pair.
 * One of them can be reached with Tab; arrows lead to the others.
 */
export function wordToggles(prompt, words, toggle) {
  const letters = [...prompt]; // code points: an emoji is one
  const nodes = [];
  const buttons = [];
  let end = 0;
  for (const [start, stop] of words) {
    nodes.push(letters.slice(end, start).join(""));
    const button = make("button", { type: "button", className: "word", tabIndex: -1, textContent: letters.slice(start, stop).join("") });
    button.addEventListener("click", () => toggle([start, stop]));
    nodes.push(button);
    buttons.push(button);
    end = stop;
  }
  nodes.push(letters.slice(end).join(""));
  if (buttons.length > 0) buttons[0].tabIndex = 0;
  const element = make("span", { className: "words", role: "group", ariaLabel: t("marks.words") }, ...nodes);
  element.addEventListener("keydown", (event) => move(buttons, event));

  return {
    element,
    focus: () => buttons.find(({ tabIndex }) => tabIndex === 0)?.focus(),
    show(marked) {
      buttons.forEach((button, i) => {
        const isMarked = marked.some(({ start }) => start === words[i][0]);
        button.ariaPressed = String(isMarked);
      });
    },
  };
}

function move(buttons, event) {
  const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  const at = buttons.indexOf(event.target);
  if (by === undefined || at < 0) return;
  const next = buttons[Math.min(Math.max(at + by, 0), buttons.length - 1)];
  for (const button of buttons) button.tabIndex = button === next ? 0 : -1;
  next.focus();
  event.preventDefault();
  event.stopPropagation(); // an arrow would move a score
}
