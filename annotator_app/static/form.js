// The scores of one item on the screen: a row for each criterion, or question, and the state of their scores
// (scoring.js).

import { CriterionRow } from "./criterion.js";
import { blank, isBlank, isWhole } from "./ordering.js";
import { after, begun, CHOICES, chosen, conditionOf, excused, finished, imagePressed, picked, settled, sketched, slid } from "./scoring.js";

export class Form {
  #element;
  #study;
  #makeRow;
  #rows;
  #scales;
  #questions = null;
  #state;
  #on;

  /**
   * `on` has changed(), say(note) with what the annotator is to be told quietly, excuse(row), the wish to say
   * "can't judge" of a criterion, complete(), when a side was chosen for the last criterion that waited, and
   * ordered(sketch), the order so far of the criterion that is worked on, where images are put in order.
   */
  constructor(element, study, on) {
    this.#on = on;
    this.#element = element;
    this.#study = study;
    const row = {
      change: (changed, value) => this.#take(slid(this.#state, this.#at(changed), value)),
      choose: (changed, score) => this.#choose(chosen(this.#state, score, "", this.#at(changed))),
      press: (pressed, image) => this.pressImage(image, pressed),
      arrange: (arranged, sketch) => this.#take(sketched(this.#state, this.#at(arranged), sketch)),
      pick: (pressed) => this.#take(picked(this.#state, this.#at(pressed))),
      focus: (entered) => { if (entered !== this.active) this.#take(picked(this.#state, this.#at(entered))); },
      excuse: on.excuse,
    };
    this.#makeRow = (criterion) => new CriterionRow(criterion, study, row);
    this.#lay(study.criteria);
    this.#state = begun(this.#scales, this.#rows.map(() => null), false, null, this.#sketches(null));
  }

  /** Begin an item, with what was given to it before, if anything: {values, reasons, sketches}. */
  begin({ questions }, given, isCorrection) {
    if (this.#study.mode === "questions") {
      this.#questions = questions;
      this.#lay(questions);
    }
    const scores = this.#rows.map(({ name }) => {
      if (given?.values?.[name] !== undefined) return { value: given.values[name] };
      return given?.reasons?.[name] === undefined ? null : { reason: given.reasons[name] };
    });
    this.#state = begun(this.#scales, scores, isCorrection, this.#questions, this.#sketches(given));
    this.#draw();
    this.focus();
  }

  get #isRanked() {
    return this.#study.mode === "ranking" || this.#study.mode === "best_worst";
  }

  /** Of each row the order that was given so far; null where there are no orders. */
  #sketches(given) {
    if (!this.#isRanked) return null;
    return this.#rows.map(({ name }) => given?.values?.[name] ?? given?.sketches?.[name] ?? blank(this.#study.images));
  }

  #lay(criteria) {
    this.#scales = criteria.map((criterion) => (this.#study.mode === "rating" ? criterion : null));
    this.#rows = criteria.map(this.#makeRow);
    this.#element.replaceChildren(...this.#rows.map((one) => one.element));
  }

  /** {values, reasons} by criterion; what is not rated, or not typed to its end, is in neither. */
  get scores() {
    const scores = { values: {}, reasons: {} };
    finished(this.#state).forEach((score, i) => {
      if (score === null) return;
      if ("reason" in score) scores.reasons[this.#rows[i].name] = score.reason;
      else scores.values[this.#rows[i].name] = score.value;
    });
    return scores;
  }

  /** Orders that were begun, by criterion: they belong to a draft. */
  get sketches() {
    const begunOnes = (this.#state.sketches ?? []).map((sketch, i) => [this.#rows[i].name, sketch]);
    return Object.fromEntries(begunOnes.filter(([, sketch]) => !isBlank(sketch) && !isWhole(sketch)));
  }

  /** The rows that have neither a value nor a reason. */
  get missing() {
    return this.#rows.filter((_, i) => this.#state.scores[i] === null);
  }

  /** "waiting", "typing" or "done": see scoring.js. */
  get condition() {
    return conditionOf(this.#state);
  }

  get active() {
    return this.#rows[this.#state.active];
  }

  focus() {
    this.active.focus();
  }

  goTo(row) {
    this.#take(picked(this.#state, this.#at(row)));
    this.focus();
  }

  /** The number that is typed is whole: something else was done. */
  settle() {
    this.#take(settled(this.#state));
  }

  /** "Can't judge": one criterion, or all that have no value. */
  excuse(row, reason, all) {
    this.#take(excused(this.#state, this.#at(row), reason, all));
    this.focus();
  }

  /** Choose a score for the criterion or question that waits for one; `name` is what was pressed. */
  choose(score, name) {
    this.#choose(chosen(this.#state, score, name));
  }

  /** An image was pressed: for the criterion that waits, or for `row`. */
  pressImage(image, row = null) {
    const state = row === null || this.#at(row) === this.#state.active ? this.#state : picked(this.#state, this.#at(row));
    this.#take(imagePressed(state, image, this.#study.mode));
    this.focus();
  }

  /** Do what a key means; false where it means nothing here. */
  handle({ effect, character, isShared }) {
    if (effect === "excuse") {
      this.settle();
      this.#on.excuse(this.active);
      return true;
    }
    if (effect in CHOICES) {
      this.choose(CHOICES[effect], character);
      return true;
    }
    const next = after(this.#state, effect, character);
    if (next === null) return false;
    this.#take(next);
    if (isShared) return false;
    this.focus();
    return true;
  }

  #choose(next) {
    const isNew = next.scores !== this.#state.scores;
    this.#take(next);
    this.focus();
    if (isNew && this.condition === "done") this.#on.complete();
  }

  #take(next) {
    const last = this.#state;
    this.#state = next;
    this.#draw();
    if (next.scores !== last.scores || next.sketches !== last.sketches) this.#on.changed();
    if (next.note !== last.note) this.#on.say(next.note);
  }

  #draw() {
    const { scores, active, text, sketches } = this.#state;
    const isDone = this.condition === "done";
    this.#rows.forEach((row, i) => {
      row.show(scores[i], i === active ? text : "", sketches?.[i] ?? null);
      row.isActive = i === active && !isDone;
    });
    if (sketches !== null) this.#on.ordered(sketches[active]);
  }

  #at(row) {
    return this.#rows.indexOf(row);
  }
}
