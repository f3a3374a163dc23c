// Marking: what is wrong in the images of an item, and which words of its prompt are missing or wrong in them.

import { onRearranged, placed } from "./arrangement.js";
import { make, part, setText } from "./dom.js";
import { speak } from "./header.js";
import { Layer } from "./layer.js";
import { bare, isEmpty, NONE, withNothing, withoutRegion, withRegion, withWord } from "./marks.js";
import { known, number, pick, t } from "./texts.js";
import { wordToggles } from "./words.js";

export class Marking {
  #asked;
  #sides;
  #layers;
  #kinds; // by name: {digit, label, at}
  #chips;
  #none;
  #words = []; // of each image
  #marks = NONE;
  #earlier = []; // what was before each change
  #tool = null; // the name of the kind that a press sets, or null
  #on;

  /**
   * `study.marks` says what is asked for; `frames` hold the images; `on` has changed(), pan(direction) and
   * leave(), back to the scores.
   */
  constructor({ marks: asked, mode }, frames, on) {
    this.#asked = asked;
    this.#on = on;
    this.#sides = mode === "pairwise" ? ["left", "right"] : ["only"];
    this.#kinds = new Map(asked.kinds.map((kind, at) => [kind.name, { digit: String(at + 1), label: labelOf(kind), at }]));
    this.#layers = asked.kinds.length === 0 ? [] : frames.map((frame, image) => new Layer(frame, image, {
      add: (region) => this.#take(withRegion(this.#marks, region, asked.most)),
      remove: (region) => this.#take(withoutRegion(this.#marks, region)),
      pan: on.pan,
      key: (event) => this.#key(event),
      moved: ([x, y]) => speak(t("marks.cross", { x: number(100 * x), y: number(100 * y) })),
    }));
    this.#build();
    onRearranged(() => this.#rename());
    // One image has nothing else that a press could mean; of two it chooses one.
    this.#tool = mode === "pairwise" ? null : asked.kinds[0]?.name ?? null;
  }

  /** Begin an item, with what was marked before, if anything. */
  begin(item, given) {
    this.#marks = given ?? NONE;
    this.#earlier = [];
    for (const layer of this.#layers) layer.begin();
    this.#layWords(item);
    this.#draw();
  }

  /** What is marked, as it is sent. */
  get given() {
    return this.#marks;
  }

  get isTouched() {
    return !isEmpty(this.#marks);
  }

  /** Whether there is a change to take back. */
  get canUndo() {
    return this.#earlier.length > 0;
  }

  undo() {
    const before = this.#earlier.pop();
    if (before === undefined) return;
    this.#marks = before;
    this.#draw();
    this.#on.changed();
  }

  /** What is still to be said, in words; "" where nothing is. */
  get missing() {
    if (!this.#asked.required) return "";
    const [image] = bare(this.#marks, this.#sides.length);
    if (image === undefined) return "";
    return this.#sides.length === 1 ? t("marks.missing") : t("marks.missing.of", { image: this.#called(image) });
  }

  /** To the cross on the first image, or to the words where there is nothing else to mark. */
  enter() {
    if (this.#layers.length === 0) return this.toWords();
    if (this.#tool === null) this.#choose(this.#asked.kinds[0].name);
    this.#layers[0].focus();
    return true;
  }

  toWords() {
    if (this.#words.length === 0) return false;
    this.#words[0].focus();
    return true;
  }

  /** Place the marks again: the images moved. */
  draw() {
    for (const layer of this.#layers) layer.draw();
  }

  #build() {
    this.#chips = this.#asked.kinds.map((kind) => {
      const { digit, label, at } = this.#kinds.get(kind.name);
      const count = make("span", { className: "count" });
      const chip = make("button", { type: "button", className: "quiet kind", "aria-pressed": "false" },
        make("span", { className: `mark kind-${at}`, "aria-hidden": "true" }, make("b", { textContent: digit })), make("span", { textContent: label }), count);
      chip.addEventListener("click", () => this.#choose(kind.name));
      return { name: kind.name, chip, count };
    });
    if (this.#chips.length > 0 && (this.#sides.length > 1 || this.#asked.shape === "boxes")) this.#chips.unshift(this.#off());
    const undo = make("button", { type: "button", className: "quiet icon", textContent: "↶", ariaLabel: t("marks.undo"), title: t("marks.undo") });
    undo.addEventListener("click", () => this.undo());
    this.#none = !this.#asked.required ? [] : this.#sides.map((_, image) => {
      const button = make("button", { type: "button", className: "quiet none" });
      button.addEventListener("click", () => this.#take(withNothing(this.#marks, image)));
      return button;
    });
    const hint = this.#asked.kinds.length === 0 ? "marks.hint.words" : `marks.hint.${this.#asked.shape}`;
    part("marking").replaceChildren(
      make("div", { className: "tools", role: "toolbar", ariaLabel: t("marks.title") }, make("span", { className: "name", textContent: t("marks.title") }),
        ...this.#chips.map(({ chip }) => chip), ...this.#none, undo),
      make("p", { className: "quiet-text", textContent: t(hint) }),
      make("div", { className: "wordlists", "data-part": "wordlists" }));
    part("marking").hidden = false;
    this.#rename();
  }

  /** Presses and drags mean what they mean without marks: a choice, or a zoomed image that is moved. */
  #off() {
    const chip = make("button", { type: "button", className: "quiet", "aria-pressed": "false", textContent: t("marks.off") });
    chip.addEventListener("click", () => this.#choose(null));
    return { name: null, chip, count: make("span") };
  }

  /** The words of the prompt itself where there is one image, else a line for each. */
  #layWords({ prompt, words }) {
    this.#words = [];
    if (!this.#asked.words || !Array.isArray(words)) return;
    this.#words = this.#sides.map((_, image) => wordToggles(prompt, words, ([start, end]) => this.#take(withWord(this.#marks, { image, start, end }))));
    for (const { element } of this.#words) element.addEventListener("keydown", (event) => this.#wordKey(event));
    if (this.#words.length === 1) return part("prompt").replaceChildren(this.#words[0].element);
    return part("wordlists").replaceChildren(...this.#words.map(({ element }, image) =>
      make("div", { className: "wordlist", dir: "auto" }, make("span", { className: "name", "data-image": image }), element)));
  }

  #wordKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") this.#on.leave();
    else if (event.key === "m" && this.#layers.length > 0) this.enter();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** A key on the cross's layer that is not the layer's own; whether it means something. */
  #key({ key, code, target }) {
    const digit = /^(?:Digit|Numpad)([1-9])$/.exec(code)?.[1] ?? key;
    const kind = /^[1-9]$/.test(digit) ? this.#asked.kinds[Number(digit) - 1] : undefined;
    if (kind !== undefined) this.#choose(kind.name);
    else if (key === " ") this.#layers[(this.#layers.findIndex(({ element }) => element === target) + 1) % this.#layers.length].focus();
    else if (code === "KeyW" || key === "w") this.toWords();
    else if (key === "Escape" || code === "KeyM" || key === "m") this.#on.leave();
    else return /^[0-9]$/.test(key); // a digit is no score here
    return true;
  }

  #choose(name) {
    this.#tool = name;
    this.#draw();
  }

  #take(next) {
    if (next === this.#marks) return;
    this.#earlier.push(this.#marks);
    this.#marks = next;
    this.#draw();
    this.#on.changed();
  }

  #draw() {
    const tool = this.#tool === null ? null : { kind: this.#tool, isBox: this.#asked.shape === "boxes" };
    for (const layer of this.#layers) layer.show(this.#marks, this.#kinds, tool);
    for (const { name, chip, count } of this.#chips) {
      const own = this.#marks.regions.filter(({ kind }) => kind === name).length;
      chip.ariaPressed = String(this.#tool === name);
      setText(count, own === 0 ? "" : number(own));
    }
    this.#none.forEach((button, image) => { button.ariaPressed = String(this.#marks.nothing.includes(image)); });
    this.#words.forEach((one, image) => one.show(this.#marks.words.filter((word) => word.image === image)));
    this.#rename();
  }

  #rename() {
    this.#none.forEach((button, image) => setText(button, this.#sides.length === 1 ? t("marks.nothing") : t("marks.nothing.of", { image: this.#called(image) })));
    for (const name of part("marking").querySelectorAll("[data-image]")) setText(name, t("marks.words.of", { image: this.#called(Number(name.dataset.image)) }));
  }

  #called(image) {
    return placed(`image.${this.#sides[image]}`);
  }
}

/** What annotators read of a kind: the study's words, the page's for kinds that it knows, or its bare name. */
export function labelOf({ name, label }) {
  return pick(label) ?? known("marks.kind", name, name);
}
