// A row of buttons of which one is chosen: the points of a short scale, or the sides of a pair.

import { make } from "./dom.js";

/** `options` are {value, text, words}; `kind` names the style. `rename()` reads the texts anew. */
export function choices(options, change, kind) {
  const buttons = options.map(({ value, words }) => {
    const button = make("button", { type: "button", role: "radio" }, make("b"));
    if (words !== "") button.append(make("span", { textContent: words }));
    button.dataset.value = value;
    button.addEventListener("click", () => change(value));
    return button;
  });
  const element = make("div", { className: `choices ${kind}`, role: "radiogroup" }, ...buttons);
  element.style.setProperty("--count", buttons.length);
  const rename = () => buttons.forEach((button, i) => { button.firstChild.textContent = options[i].text; });
  rename();
  let chosen = -1;

  return {
    element,
    rename,
    labelledBy: (id) => element.setAttribute("aria-labelledby", id),
    focus: () => buttons[Math.max(chosen, 0)].focus({ preventScroll: true }),
    show(value) {
      chosen = options.findIndex((option) => option.value === value);
      buttons.forEach((button, i) => {
        button.ariaChecked = String(i === chosen);
        button.tabIndex = i === Math.max(chosen, 0) ? 0 : -1;
      });
    },
    stepped(value, steps) {
      const at = options.findIndex((option) => option.value === value);
      const middle = Math.floor((options.length - 1) / 2);
      return options[at < 0 ? middle : Math.min(Math.max(at + steps, 0), options.length - 1)].value;
    },
  };
}
