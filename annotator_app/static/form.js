// The scores of one item: the criteria's rows, which of them is active, typing, undo.

import { CriterionRow } from "./criterion.js";
import { typed } from "./entry.js";

const ONE_MOVE_MS = 600; // a slider that is dragged is undone at once, not pixel by pixel
const BIG_STEP = 10;
const SIDES = { left: "left", tie: "tie", right: "right", bothBad: "both_bad" };

export class Form {
  #rows;
  #active = 0;
  #typing = "";
  #undo = [];
  #on;

  /** `on` has changed() and excuse(row), the wish to say "can't judge" of a criterion. */
  constructor(element, study, on) {
    this.#on = on;
    const row = {
      change: (changed, score) => this.#set(changed, score),
      activate: (active) => this.#activate(this.#rows.indexOf(active)),
      excuse: on.excuse,
    };
    this.#rows = study.criteria.map((criterion) => new CriterionRow(criterion, study, row));
    element.replaceChildren(...this.#rows.map((one) => one.element));
    this.#activate(0);
  }

  /** Begin an item, with what was given to it before, if anything: {values, reasons}. */
  begin(given) {
    for (const row of this.#rows) {
      if (given?.values?.[row.name] !== undefined) row.score = { value: given.values[row.name] };
      else if (given?.reasons?.[row.name] !== undefined) row.score = { reason: given.reasons[row.name] };
      else row.score = null;
    }
    this.#undo = [];
    this.#typing = "";
    this.#activate(0);
    this.focus();
  }

  /** {values, reasons} by criterion; what is not rated is in neither. */
  get scores() {
    const scores = { values: {}, reasons: {} };
    for (const { name, score } of this.#rows) {
      if (score === null) continue;
      if ("reason" in score) scores.reasons[name] = score.reason;
      else scores.values[name] = score.value;
    }
    return scores;
  }

  /** The rows that have neither a value nor a reason. */
  get missing() {
    return this.#rows.filter((row) => row.score === null);
  }

  get active() {
    return this.#rows[this.#active];
  }

  focus() {
    this.active.focus();
  }

  goTo(row) {
    this.#activate(this.#rows.indexOf(row));
    this.focus();
  }

  /** "Can't judge": one criterion, or all that have no value. */
  excuse(row, reason, all) {
    const excused = all ? this.#rows.filter((one) => one === row || one.score === null) : [row];
    this.#remember(excused);
    for (const one of excused) one.score = { reason };
    this.#changed();
    this.#advance();
  }

  /** Do what a key means; false where it means nothing here. */
  handle({ action, character }) {
    const row = this.active;
    if (action in SIDES) return this.#choose(SIDES[action]);
    switch (action) {
      case "digit": return this.#type(character);
      case "less": return this.#step(-1);
      case "more": return this.#step(1);
      case "muchLess": return this.#step(-BIG_STEP);
      case "muchMore": return this.#step(BIG_STEP);
      case "least": return this.#step(-Infinity);
      case "most": return this.#step(Infinity);
      case "previous": return this.#move(-1);
      case "next": return this.#move(1);
      case "nextUnrated": return this.#advance();
      case "clear": return this.#set(row, null);
      case "undo": return this.#takeBack();
      case "excuse": this.#on.excuse(row); return true;
      case "back": return this.#erase();
      default: return false;
    }
  }

  #set(row, score, typing = "") {
    this.#typing = typing;
    this.#remember([row]);
    row.score = score;
    row.draw(typing);
    this.#changed();
    return true;
  }

  #changed() {
    this.#on.changed();
  }

  #remember(rows) {
    const last = this.#undo.at(-1);
    const goesOn = last !== undefined && rows.length === 1 && last.scores.length === 1
      && last.scores[0].row === rows[0] && performance.now() - last.at < ONE_MOVE_MS;
    if (goesOn) last.at = performance.now();
    else this.#undo.push({ at: performance.now(), scores: rows.map((row) => ({ row, score: row.score })) });
  }

  #takeBack() {
    const last = this.#undo.pop();
    if (last === undefined) return true;
    this.#typing = "";
    for (const { row, score } of last.scores) row.score = score;
    this.goTo(last.scores[0].row);
    this.#changed();
    return true;
  }

  #activate(index) {
    if (index !== this.#active) this.#endTyping();
    this.#active = index;
    this.#rows?.forEach((row, i) => { row.isActive = i === index; });
  }

  #move(by) {
    this.#endTyping();
    const count = this.#rows.length;
    this.#activate((this.#active + by + count) % count);
    this.focus();
    return true;
  }

  /** To the next criterion that is not rated; stays where all are. */
  #advance() {
    this.#endTyping();
    const count = this.#rows.length;
    for (let by = 1; by <= count; by++) {
      const index = (this.#active + by) % count;
      if (this.#rows[index].score === null) {
        this.#activate(index);
        break;
      }
    }
    this.focus();
    return true;
  }

  #step(steps) {
    if (!this.active.isNumeric) return false;
    return this.#set(this.active, { value: this.active.stepBy(steps) });
  }

  #choose(side) {
    this.#set(this.active, { value: side });
    return this.#advance();
  }

  #type(character) {
    const row = this.active;
    let next = typed(this.#typing, character, row.criterion);
    if (next === null && this.#typing !== "" && row.score !== null) {
      // Not a longer number of this scale: the number was done, this begins the next criterion's.
      this.#advance();
      if (this.active !== row) return this.#type(character);
      next = typed("", character, row.criterion);
    }
    if (next === null) return true;
    this.#set(row, next.value === null ? null : { value: next.value }, next.text);
    if (next.complete) this.#advance();
    return true;
  }

  /** Backspace while a number is typed takes its last digit back. */
  #erase() {
    if (this.#typing === "") return false;
    const row = this.active;
    const text = this.#typing.slice(0, -1);
    const shorter = text === "" ? null : typed(text.slice(0, -1), text.at(-1), row.criterion);
    return this.#set(row, shorter === null || shorter.value === null ? null : { value: shorter.value }, text);
  }

  #endTyping() {
    if (this.#typing === "") return;
    this.#typing = "";
    this.active.draw();
  }
}
