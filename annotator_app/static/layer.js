// The marks on one image: drawn where they belong however the image is zoomed, set and taken away by hand, and
// with a cross that arrows move.

import { make } from "./dom.js";
import { boxBetween, inside, nearest } from "./marks.js";
import { t } from "./texts.js";

const STILL_PX = 6; // a finger is never quite still
const STEP_PX = 5;
const REACH = 0.04; // of the image: so near the cross means a mark

/** What the keys do while the cross is there, as MARK_KEYS in keys.js names it. */
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Layer {
  element;
  #frame;
  #image; // its place on the screen
  #on;
  #marks = null;
  #tool = null; // {kind, isBox}, or null: presses and drags mean what they mean without marks
  /** @type {[number, number]} */
  #cross = [0.5, 0.5];
  /** @type {[number, number] | null} */
  #corner = null; // of a box that the cross draws
  #start = null; // of a press

  /** `on` has add(region), remove(region), pan(direction), key(event) and moved(point). */
  constructor(frame, image, on) {
    this.#frame = frame;
    this.#image = image;
    this.#on = on;
    this.element = make("div", { className: "layer", role: "application", tabIndex: 0 });
    this.element.addEventListener("keydown", (event) => this.#press(event));
    this.element.addEventListener("focus", () => { this.#frame.scrollIntoView({ block: "nearest" }); this.draw(); });
    this.element.addEventListener("blur", () => { this.#corner = null; this.draw(); });
    frame.addEventListener("pointerdown", (event) => this.#down(event), { capture: true });
    frame.addEventListener("pointermove", (event) => this.#drag(event), { capture: true });
    frame.addEventListener("pointerup", (event) => this.#up(event), { capture: true });
    frame.addEventListener("pointercancel", () => { this.#start = null; this.draw(); }, { capture: true });
    for (const kind of ["click", "dblclick"]) frame.addEventListener(kind, (event) => this.#click(event), { capture: true });
  }

  /** Draw these marks; `kinds` by name: {digit, label, at}. */
  show(marks, kinds, tool) {
    this.#marks = marks;
    this.#tool = tool;
    this.kinds = kinds;
    this.#frame.classList.toggle("marking", tool !== null);
    this.#frame.classList.toggle("drawing", tool?.isBox === true);
    this.draw();
  }

  /** Begin an item: the cross is in the middle. */
  begin() {
    this.#cross = [0.5, 0.5];
    this.#corner = null;
    this.#start = null;
  }

  focus() {
    this.element.focus({ preventScroll: true });
  }

  get hasFocus() {
    return document.activeElement === this.element;
  }

  /** Place everything again: after a change, and whenever the image moved. */
  draw() {
    if (this.#frame.querySelector("img") === null || this.#marks === null) {
      this.element.remove();
      return;
    }
    if (this.element.parentElement !== this.#frame) this.#frame.append(this.element);
    const own = this.#marks.regions.filter(({ image }) => image === this.#image);
    const drawn = own.flatMap((region) => this.#drawn(region));
    const begun = this.#begun();
    if (begun !== null) drawn.push(this.#box(begun, "begun"));
    if (this.hasFocus) drawn.push(this.#at(make("span", { className: "cross", "aria-hidden": "true" }), this.#cross));
    this.element.replaceChildren(...drawn);
    this.element.ariaLabel = t("marks.layer", { count: own.length });
  }

  #begun() {
    if (this.#start?.isBox) return boxBetween(this.#start.share, this.#start.last);
    return this.#corner === null ? null : boxBetween(this.#corner, this.#cross);
  }

  #drawn(region) {
    const { digit, label, at } = this.kinds.get(region.kind) ?? { digit: "?", label: region.kind, at: 0 };
    const tag = make("button", { type: "button", tabIndex: -1, className: `mark kind-${at}` }, make("b", { textContent: digit }));
    tag.ariaLabel = t("marks.remove", { digit, kind: label });
    tag.title = tag.ariaLabel;
    // Of a double click only the first: it set the mark that the second meets.
    tag.addEventListener("click", (event) => { if (event.detail < 2) this.#on.remove(region); });
    this.#at(tag, [region.x, region.y]);
    return region.w === undefined ? [tag] : [this.#box(region, `kind-${at}`), tag];
  }

  #box({ x, y, w, h }, kind) {
    const box = this.#at(make("span", { className: `box ${kind}` }), [x, y]);
    const { width, height } = this.#picture();
    box.style.width = `${w * width}px`;
    box.style.height = `${h * height}px`;
    return box;
  }

  #at(element, [x, y]) {
    const { left, top, width, height } = this.#picture();
    const frame = this.#frame.getBoundingClientRect();
    element.style.left = `${left - frame.left + x * width}px`;
    element.style.top = `${top - frame.top + y * height}px`;
    return element;
  }

  #picture() {
    return this.#frame.querySelector("img").getBoundingClientRect();
  }

  /** @returns {[number, number]} */
  #share({ clientX, clientY }) {
    const { left, top, width, height } = this.#picture();
    return [(clientX - left) / width, (clientY - top) / height];
  }

  #isFor(event) {
    return this.#tool !== null && this.#frame.querySelector("img") !== null && event.target.closest("button") === null;
  }

  // ---- By hand ----

  #down(event) {
    if (!this.#isFor(event) || event.button !== 0) return;
    if (this.#start !== null) { // a second finger: it is a pinch
      this.#start = null;
      this.draw();
      return;
    }
    const share = this.#share(event);
    this.#start = { x: event.clientX, y: event.clientY, share, last: share, isBox: this.#tool.isBox, moved: false };
    if (!this.#tool.isBox) return;
    event.stopPropagation(); // a drag draws: it does not move the image
    this.#frame.setPointerCapture(event.pointerId);
  }

  #drag(event) {
    if (this.#start === null) return;
    this.#start.moved ||= Math.hypot(event.clientX - this.#start.x, event.clientY - this.#start.y) > STILL_PX;
    if (!this.#start.isBox) return;
    this.#start.last = this.#share(event);
    event.stopPropagation();
    this.draw();
  }

  #up(event) {
    if (!this.#start?.isBox) return;
    const { share, moved } = this.#start;
    const box = moved ? boxBetween(share, this.#share(event)) : null;
    this.#start = null;
    if (box === null) this.draw();
    else this.#add(box);
  }

  #click(event) {
    if (!this.#isFor(event)) return;
    event.stopPropagation(); // neither a choice nor a zoom
    const start = this.#start;
    this.#start = null;
    if (event.type !== "click" || event.detail > 1 || start === null || start.moved || start.isBox) return;
    const [x, y] = start.share;
    if (x === inside(x) && y === inside(y)) this.#add({ x, y });
  }

  #add(place) {
    this.#on.add({ image: this.#image, kind: this.#tool.kind, ...place });
  }

  // ---- With the cross ----

  #press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in MOVES) this.#move(MOVES[event.key], event.shiftKey ? 10 : 1);
    else if (event.key === "Enter") this.#set();
    else if (event.key === "Delete" || event.key === "Backspace") this.#remove();
    else if (event.key === "Escape" && this.#corner !== null) this.#corner = null;
    else if (!this.#on.key(event)) return;
    event.preventDefault();
    event.stopPropagation();
    this.draw();
  }

  #move([right, down], steps) {
    const { width, height } = this.#picture();
    this.#cross = [
      inside(this.#cross[0] + (right * steps * STEP_PX) / width),
      inside(this.#cross[1] + (down * steps * STEP_PX) / height),
    ];
    if (this.#isOutside()) this.#on.pan([-right, -down]);
    this.#on.moved(this.#cross);
  }

  /** Whether the cross left what the frame shows of a zoomed image. */
  #isOutside() {
    const { left, top, width, height } = this.#picture();
    const frame = this.#frame.getBoundingClientRect();
    const [x, y] = [left + this.#cross[0] * width, top + this.#cross[1] * height];
    return x < frame.left - 1 || x > frame.right + 1 || y < frame.top - 1 || y > frame.bottom + 1;
  }

  #set() {
    const near = this.#corner === null ? nearest(this.#marks, this.#image, this.#cross, REACH / 2) : null;
    if (near !== null) return this.#on.remove(near);
    if (this.#tool === null) return undefined;
    if (!this.#tool.isBox) return this.#add({ x: this.#cross[0], y: this.#cross[1] });
    if (this.#corner === null) {
      this.#corner = this.#cross;
      return undefined;
    }
    const box = boxBetween(this.#corner, this.#cross);
    this.#corner = null;
    return box === null ? undefined : this.#add(box);
  }

  #remove() {
    const near = nearest(this.#marks, this.#image, this.#cross, REACH);
    if (near !== null) this.#on.remove(near);
  }
}
