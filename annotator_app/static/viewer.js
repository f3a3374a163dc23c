// The prompt and its image, or several images side by side that are looked at as one.

import { onRearranged, placed } from "./arrangement.js";
import { make, part } from "./dom.js";
import { extremesOf } from "./ordering.js";
import { Pictures } from "./pictures.js";
import { choosesWhenPressed } from "./pointing.js";
import { Sight } from "./sight.js";
import { t } from "./texts.js";
import { Zoom } from "./zoom.js";

const LONG_PROMPT = 280;

export class Viewer {
  #root;
  #frames;
  #places; // what stands on each of several images: its number, and its place in the order
  #pictures = new Pictures();
  #sight = new Sight();
  #item = null;
  #on;
  zoom;

  /** `on` has moved() whenever the images stand otherwise, ready() when all images of the item are there, broken() when one does not load, chosen(side) of
   * a pair, and pressed(image) of several. */
  constructor(root, study, on) {
    this.#root = root;
    this.#on = on;
    const sides = sidesOf(study);
    const isSeveral = sides.length > 2;
    this.#frames = sides.map((side) => make("figure", { className: "frame", "data-side": side }));
    part("frames", root).replaceChildren(...this.#frames);
    part("frames", root).classList.toggle("pair", sides.length === 2);
    part("frames", root).classList.toggle("several", isSeveral);
    part("frames", root).dataset.count = String(sides.length);
    this.#places = isSeveral ? sides.map(placeOf) : [];
    const shown = part("scale", root);
    this.zoom = new Zoom(this.#frames, (percent) => {
      shown.textContent = percent === null ? "" : `${Math.round(percent)} %`;
      on.moved();
    });
    onRearranged(() => this.#frames.forEach(nameImage));
    if (isSeveral) this.#frames.forEach((frame, i) => choosesWhenPressed(frame, () => on.pressed(i)));
    if (sides.length === 2) this.#frames.forEach((frame, i) => choosesWhenPressed(frame, () => on.chosen(sides[i])));
    this.#button("zoomIn", () => this.zoom.zoomIn());
    this.#button("zoomOut", () => this.zoom.zoomOut());
    this.#button("actualSize", () => this.zoom.toggleActualSize());
    this.#button("fit", () => this.zoom.fit());
  }

  #button(name, act) {
    part(name, this.#root).addEventListener("click", act);
  }

  /** The elements that hold the images. */
  get frames() {
    return this.#frames;
  }

  /** Load the images of these items ahead. */
  preload(items) {
    this.#pictures.preload(items.flatMap(picturesOf));
  }

  get isReady() {
    return this.#pictureStates.every((state) => state === "ready");
  }

  get isBroken() {
    return this.#pictureStates.includes("broken");
  }

  /** Whether every image of the item was on the screen. */
  get wasSeen() {
    return this.#sight.unseen.length === 0;
  }

  /** Bring an image that was not on the screen there, and say `why` beside it. */
  bringIntoSight(why) {
    const [image] = this.#sight.unseen;
    const line = part("overlooked", this.#root);
    line.textContent = why;
    line.hidden = false;
    image?.parentElement.scrollIntoView({ block: "center" });
  }

  /** Scroll back to where an item begins: to the top, or past the bar where the image would not fit below it. */
  scrollToStart() {
    window.scrollTo(0, 0);
    if (part("stage", this.#root).getBoundingClientRect().bottom > window.innerHeight) window.scrollTo(0, this.#root.offsetTop);
  }

  /** Write onto each of several images which place it has so far: see ordering.js. */
  showOrder(sketch, mode) {
    const { best, worst } = extremesOf(sketch);
    this.#places.forEach((place, image) => {
      const which = mode === "ranking" ? sketch[image] : { [String(best)]: "best", [String(worst)]: "worst" }[image] ?? "0";
      const isPlaced = which !== "0";
      const words = mode === "ranking" ? t(`order.ordinal.${which}`) : t(`order.${which}`);
      place.lastChild.textContent = isPlaced ? words : "";
      place.classList.toggle("placed", isPlaced);
    });
  }

  get #pictureStates() {
    return picturesOf(this.#item).map((wanted) => this.#pictures.get(wanted).state);
  }

  show(item) {
    this.#item = item;
    const prompt = part("prompt", this.#root);
    prompt.textContent = item.prompt;
    prompt.classList.toggle("long", item.prompt.length > LONG_PROMPT);
    prompt.scrollTop = 0;
    part("overlooked", this.#root).hidden = true;
    this.#draw();
  }

  /** Ask for the images that did not load once more; `item` may have new addresses for them. */
  retry(item = this.#item) {
    this.#item = item;
    for (const wanted of picturesOf(item)) {
      if (this.#pictures.get(wanted).state === "broken") this.#pictures.forget(wanted);
    }
    this.#draw();
  }

  #draw() {
    const item = this.#item;
    const pictures = picturesOf(item).map((wanted) => this.#pictures.get(wanted));
    pictures.forEach((picture, i) => {
      this.#drawFrame(this.#frames[i], picture);
      if (this.#places.length > 0) this.#frames[i].append(this.#places[i]);
    });
    this.#shapeFrames(pictures);
    this.zoom.fit();
    this.#sight.watch(pictures.filter(({ state }) => state === "ready").map(({ image }) => image));
    if (this.isReady) this.#on.ready();
    else if (this.isBroken) this.#on.broken();
    else {
      Promise.all(pictures.map((picture) => picture.settled)).then(() => {
        if (this.#item === item) this.#draw();
      });
    }
  }

  /** Where the page scrolls, frames are no higher than their images: --ratio is the height by the width. */
  #shapeFrames(pictures) {
    const ratios = pictures.filter(({ state }) => state === "ready").map(({ image }) => image.naturalHeight / image.naturalWidth);
    this.#root.style.setProperty("--ratio", Math.max(...ratios, 0) || 1);
  }

  /** The last image must not stand under this prompt: a frame is empty until its own is there. */
  #drawFrame(frame, picture) {
    if (picture.state === "ready") {
      frame.replaceChildren(picture.image);
      nameImage(frame);
    } else if (picture.state === "broken") {
      const again = make("button", { type: "button", className: "quiet", textContent: t("retry") });
      again.addEventListener("click", () => this.retry());
      frame.replaceChildren(make("figcaption", {}, make("p", { textContent: t("image.broken") }), again));
    } else {
      frame.replaceChildren(make("figcaption", { className: "waiting", textContent: t("image.loading") }));
    }
  }
}

/** Name a frame's image to who cannot see where it stands. */
function nameImage(frame) {
  const { side } = frame.dataset;
  const image = frame.querySelector("img");
  if (image === null) return;
  if (/^\d$/.test(side)) image.alt = t("image.number", { number: side });
  else image.alt = side === "only" ? t("image") : placed(`image.${side}`);
}

function sidesOf({ mode, images }) {
  if (mode === "pairwise") return ["left", "right"];
  return images > 2 ? Array.from({ length: images }, (_, i) => String(i + 1)) : ["only"];
}

/** The number of an image, and room for its place: those who see hear it from the line beside the criterion. */
function placeOf(number) {
  return make("span", { className: "place", "aria-hidden": "true" }, make("b", { textContent: number }), make("span"));
}

/** An item's pictures, known by item and side: their addresses change, and expire. */
function picturesOf({ token, images }) {
  return images.map((address, side) => ({ key: `${token}/${side}`, address }));
}
