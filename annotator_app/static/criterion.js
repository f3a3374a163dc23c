// One criterion on the screen: its name, its control, the words of its scale, and "can't judge".
//
// Three controls: a slider, buttons for the points of a short scale, and the sides of a pair.
// No control has a default position: until it is moved or pressed, its criterion is not rated.

import { onRearranged, placed } from "./arrangement.js";
import { choices } from "./choices.js";
import { make, setText } from "./dom.js";
import { slider } from "./slider.js";
import { known, pick, t } from "./texts.js";

/** A score is {value} (a number or a side), {reason} for having none, or null while unrated. */
export class CriterionRow {
  #score = null;
  #control;
  #value = make("output", { className: "value" });
  #excuse = make("button", { type: "button", className: "quiet excuse" });

  /**
   * `on` has change(row, value), pick(row) for a press on it, focus(row) for the focus in it, and excuse(row),
   * the wish to say "can't judge".
   */
  constructor(criterion, study, on) {
    this.criterion = criterion;
    this.name = criterion.name;
    this.label = pick(criterion.label) ?? criterion.name;
    const id = `criterion-${criterion.name}`;
    const anchors = pick(criterion.anchors) ?? [];
    this.#control = controlOf(study, criterion, anchors, (value) => on.change(this, value));
    this.#excuse.addEventListener("click", () => on.excuse(this));
    this.element = make("div", { className: "criterion", role: "group", "aria-labelledby": id },
      make("div", { className: "head" }, make("span", { className: "name", id, textContent: this.label }), this.#value, this.#excuse),
      this.#control.element);
    this.#control.labelledBy(id);
    this.element.addEventListener("focusin", () => on.focus(this));
    this.element.addEventListener("pointerdown", () => on.pick(this));
    if (study.mode === "pairwise") onRearranged(() => { this.#control.rename(); this.show(this.#score); });
    this.show(null);
  }

  /** Show a score; `typing` is what is typed of a number so far. */
  show(score, typing = "") {
    this.#score = score;
    this.element.dataset.state = score === null ? "unrated" : "reason" in score ? "excused" : "rated";
    this.element.classList.toggle("typing", typing !== "");
    const value = score !== null && "value" in score ? score.value : null;
    this.#control.show(value, score === null ? t("unrated") : "");
    setText(this.#value, typing || wordsFor(score));
    setText(this.#excuse, score !== null && "reason" in score ? known("reason", score.reason, score.reason) : t("excuse"));
    this.#excuse.ariaLabel = t("excuse.label", { criterion: this.label, words: this.#excuse.textContent });
  }

  set isActive(active) {
    this.element.classList.toggle("active", active);
  }

  focus() {
    this.#control.focus();
  }

  /** Scroll to it where it is out of the window. */
  reveal() {
    this.element.scrollIntoView({ block: "nearest" });
  }
}

function wordsFor(score) {
  if (score === null) return t("unrated");
  if ("reason" in score) return t("excused");
  return typeof score.value === "string" ? placed(`side.${score.value}`) : String(score.value);
}

function controlOf(study, criterion, anchors, change) {
  if (study.mode === "pairwise") {
    const options = ["left", "tie", "right", "both_bad"].map((side) => ({ value: side, get text() { return placed(`side.${side}`); }, words: "" }));
    return choices(options, change, "sides");
  }
  if (study.control === "buttons") return choices(pointsOf(criterion, anchors), change, "points");
  return slider(criterion, anchors, change);
}

function pointsOf({ minimum, maximum, step }, anchors) {
  const count = Math.round((maximum - minimum) / step) + 1;
  return Array.from({ length: count }, (_, i) => {
    const value = Number((minimum + i * step).toFixed(6));
    return { value, text: String(value), words: anchors.find(([at]) => at === value)?.[1] ?? "" };
  });
}
