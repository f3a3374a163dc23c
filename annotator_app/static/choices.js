// A row of buttons of which one is chosen: the points of a short scale, or the sides of a pair.

import { make } from "./dom.js";

/** `options` are {value, text, words}; `kind` names the style. `rename()` reads the texts anew. */
export function choices(options, change, kind) {
  const buttons = options.map(({ value, words }) => {
    const button = make("button", { type: "button", role: "radio", tabIndex: -1 }, make("b"));
    if (words !== "") button.append(make("span", { textContent: words }));
    button.dataset.value = value;
    button.addEventListener("click", () => change(value));
    return button;
  });
  // The whole row has the focus, never one of its buttons: nothing is chosen, nor seems to be, by the focus alone.
  const element = make("div", { className: `choices ${kind}`, role: "radiogroup", tabIndex: 0 }, ...buttons);
  element.style.setProperty("--count", buttons.length);
  const rename = () => buttons.forEach((button, i) => { button.firstChild.textContent = options[i].text; });
  rename();
  // Where a screen reader puts the focus on a button, Space is not to press it: it has a meaning of its own.
  element.addEventListener("keyup", (event) => { if (event.key === " ") event.preventDefault(); });

  return {
    element,
    rename,
    labelledBy(id) {
      element.setAttribute("aria-labelledby", id);
      buttons.forEach((button, i) => { button.id = `${id}-${i}`; });
    },
    focus: () => element.focus({ preventScroll: true }),
    show(value) {
      const chosen = options.findIndex((option) => option.value === value);
      buttons.forEach((button, i) => { button.ariaChecked = String(i === chosen); });
      if (chosen < 0) element.removeAttribute("aria-activedescendant");
      else element.setAttribute("aria-activedescendant", buttons[chosen].id);
    },
  };
}
