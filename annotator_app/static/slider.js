// A slider without a default position; the words of its scale beneath it can be pressed, too.

import { make } from "./dom.js";
import { toStep } from "./entry.js";
import { t } from "./texts.js";

export function slider(scale, anchors, change) {
  const { minimum, maximum, step } = scale;
  const input = make("input", { type: "range", min: minimum, max: maximum, step, value: (minimum + maximum) / 2 });
  const list = make("ol", { className: "anchors" }, ...anchors.map(([at, words]) => anchor(at, words, () => {
    change(toStep(at, scale));
    input.focus({ preventScroll: true });
  })));
  const element = make("div", { className: "slider" }, input, list);
  list.style.setProperty("--columns", columnsOf(anchors, scale));
  input.addEventListener("input", () => change(input.valueAsNumber));
  // A press exactly where the hidden thumb waits moves nothing, and is meant all the same.
  input.addEventListener("pointerup", () => change(input.valueAsNumber));

  return {
    element,
    labelledBy: (id) => input.setAttribute("aria-labelledby", id),
    focus: () => input.focus({ preventScroll: true }),
    show(value, unrated) {
      if (value !== null) input.value = value;
      const share = value === null ? 0 : (100 * (value - minimum)) / (maximum - minimum);
      element.style.setProperty("--fill", `${share}%`);
      input.setAttribute("aria-valuetext", value === null ? unrated || t("excused") : inWords(value, anchors));
    },
  };
}

/** Widths of the words' columns, each about the place of its value on the scale; those at the ends get some more. */
function columnsOf(anchors, { minimum, maximum }) {
  const places = anchors.map(([at]) => (at - minimum) / (maximum - minimum));
  const between = places.slice(1).map((place, i) => 0.5 + 0.8 * ((places[i] + place) / 2 - 0.5));
  const bounds = [0, ...between, 1];
  return bounds.slice(1).map((bound, i) => `minmax(0, ${(bound - bounds[i]).toFixed(4)}fr)`).join(" ");
}

/** The words at a point of the scale: a press on them gives it. The keyboard has every point without them. */
function anchor(at, words, choose) {
  const item = make("li", {}, make("b", { textContent: at }), ` ${words}`);
  item.addEventListener("click", choose);
  return item;
}

/** "72, near 75: small faults that a closer look finds": the number with its nearest anchor. */
function inWords(value, anchors) {
  const near = [...anchors].sort(([a], [b]) => Math.abs(a - value) - Math.abs(b - value))[0];
  if (near === undefined) return String(value);
  const [at, words] = near;
  return at === value ? `${value}, ${words}` : t("near", { value, at, words });
}
