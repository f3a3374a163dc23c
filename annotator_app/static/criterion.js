// One criterion on the screen: its name, its control, the words of its scale, and "can't judge".
//
// A slider, buttons for the points of a short scale, the sides of a pair, the places of several images or their best
// and worst, and the answers to a question, which stands in a criterion's place. No control has a default position: until it is moved or
// pressed, its criterion is not rated.

import { onRearranged, placed } from "./arrangement.js";
import { CANNOT_TELL, isUnasked, NO, YES } from "./asking.js";
import { choices } from "./choices.js";
import { make, setText } from "./dom.js";
import { isBlank } from "./ordering.js";
import { extremes, places, sketchWords } from "./places.js";
import { slider } from "./slider.js";
import { known, pick, t } from "./texts.js";

/** A score is {value} (a number or a side), {reason} for having none, or null while unrated. */
export class CriterionRow {
  #score = null;
  #mode;
  #control;
  #value = make("output", { className: "value" });
  #excuse = make("button", { type: "button", className: "quiet excuse" });

  /**
   * `on` has change(row, value), choose(row, score) where a row is done by one choice, press(row, image) and
   * arrange(row, sketch) where images are put in order, pick(row) for a press on it, focus(row) for the focus in
   * it, and excuse(row), the wish to say "can't judge".
   */
  constructor(criterion, study, on) {
    this.criterion = criterion;
    this.name = criterion.name;
    this.label = criterion.text ?? pick(criterion.label) ?? criterion.name;
    const id = `criterion-${criterion.name}`;
    const anchors = pick(criterion.anchors) ?? [];
    this.#control = controlOf(study, criterion, anchors, {
      change: (value) => on.change(this, value),
      choose: (score) => on.choose(this, score),
      press: (image) => on.press(this, image),
      arrange: (sketch) => on.arrange(this, sketch),
    });
    this.#excuse.addEventListener("click", () => on.excuse(this));
    this.#mode = study.mode;
    this.element = make("div", { className: "criterion", role: "group", "aria-labelledby": id },
      make("div", { className: "head" }, make("span", { className: "name", id, textContent: this.label }), this.#value, ...(this.#isQuestion ? [] : [this.#excuse])),
      this.#control.element);
    this.#control.labelledBy(id);
    this.element.addEventListener("focusin", () => on.focus(this));
    this.element.addEventListener("pointerdown", () => on.pick(this));
    if (study.mode === "pairwise") onRearranged(() => { this.#control.rename(); this.show(this.#score); });
    this.show(null);
  }

  get #isQuestion() {
    return this.#mode === "questions";
  }

  /** Show a score; `typing` is what is typed of a number so far, `sketch` the order so far. */
  show(score, typing = "", sketch = null) {
    this.#score = score;
    this.element.dataset.state = stateOf(score);
    this.#control.element.inert = isUnasked(score);
    this.element.classList.toggle("typing", typing !== "");
    const value = score !== null && "value" in score ? score.value : null;
    const isWithheld = this.#isQuestion && stateOf(score) === "excused";
    this.#control.show(sketch ?? (isWithheld ? CANNOT_TELL : value), score === null ? t("unrated") : "");
    const begun = sketch === null || isBlank(sketch) ? "" : sketchWords(sketch, this.#mode);
    setText(this.#value, typing || begun || (this.#isQuestion ? answerWords(score) : wordsFor(score)));
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

function stateOf(score) {
  if (score === null) return "unrated";
  if (isUnasked(score)) return "unasked";
  return "reason" in score ? "excused" : "rated";
}

/** A question's score in words. */
export function answerWords(score) {
  if (score === null) return t("unanswered");
  if (isUnasked(score)) return t("unasked");
  if ("reason" in score) return t("answer.cannot_tell");
  return t(score.value === YES ? "answer.yes" : "answer.no");
}

function wordsFor(score) {
  if (score === null) return t("unrated");
  if ("reason" in score) return t("excused");
  return typeof score.value === "string" ? placed(`side.${score.value}`) : String(score.value);
}

function controlOf(study, criterion, anchors, { change, choose, press, arrange }) {
  if (study.mode === "ranking") return places(study.images, { press, arrange });
  if (study.mode === "best_worst") return extremes(study.images, { arrange });
  if (study.mode === "questions") {
    const options = [[YES, "answer.yes"], [NO, "answer.no"], [CANNOT_TELL, "answer.cannot_tell"]];
    const buttons = options.map(([value, key]) => ({ value, text: t(key), words: "" }));
    return choices(buttons, (answer) => choose(answer === CANNOT_TELL ? { reason: answer } : { value: answer }), "answers");
  }
  if (study.mode === "pairwise") {
    const options = ["left", "tie", "right", "both_bad"].map((side) => ({ value: side, get text() { return placed(`side.${side}`); }, words: "" }));
    return choices(options, (side) => choose({ value: side }), "sides");
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
