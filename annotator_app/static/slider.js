// A slider without a default position, the words of its scale beneath it.

import { make } from "./dom.js";
import { toStep } from "./entry.js";
import { t } from "./texts.js";

export function slider(scale, anchors, change) {
  const { minimum, maximum, step } = scale;
  const input = make("input", { type: "range", min: minimum, max: maximum, step, value: (minimum + maximum) / 2 });
  const list = make("ol", { className: "anchors" }, ...anchors.map(([at, words]) =>
    make("li", {}, make("b", { textContent: at }), ` ${words}`)));
  const element = make("div", { className: "slider" }, input, list);
  const columns = anchors.length > 1 ? anchors.length : 1000;
  element.style.setProperty("--anchors", columns);
  list.style.setProperty("--count", Math.max(anchors.length, 1));
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
    stepped(value, steps) {
      if (!Number.isFinite(steps)) return steps < 0 ? minimum : maximum;
      return toStep(value === null ? (minimum + maximum) / 2 : value + steps * step, scale);
    },
  };
}

/** "72, near 75: small faults that a closer look finds": the number with its nearest anchor. */
function inWords(value, anchors) {
  const near = [...anchors].sort(([a], [b]) => Math.abs(a - value) - Math.abs(b - value))[0];
  if (near === undefined) return String(value);
  const [at, words] = near;
  return at === value ? `${value}, ${words}` : t("near", { value, at, words });
}
