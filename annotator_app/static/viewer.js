// The prompt and its image, or two images side by side that are looked at as one.

import { make, part } from "./dom.js";
import { Pictures } from "./pictures.js";
import { t } from "./texts.js";
import { Zoom } from "./zoom.js";

const LONG_PROMPT = 280;

export class Viewer {
  #root;
  #frames;
  #pictures = new Pictures();
  #item = null;
  #on;
  zoom;

  /** `on` has ready() when all images of the item are there, and broken() when one does not load. */
  constructor(root, study, on) {
    this.#root = root;
    this.#on = on;
    const sides = study.mode === "pairwise" ? ["left", "right"] : ["only"];
    this.#frames = sides.map((side) => make("figure", { className: "frame", "data-side": side }));
    part("frames", root).replaceChildren(...this.#frames);
    part("frames", root).classList.toggle("pair", sides.length === 2);
    const shown = part("scale", root);
    this.zoom = new Zoom(this.#frames, (scale) => { shown.textContent = scale === 1 ? "" : `${Math.round(scale * 100)} %`; });
    this.#button("zoomIn", () => this.zoom.zoomIn());
    this.#button("zoomOut", () => this.zoom.zoomOut());
    this.#button("actualSize", () => this.zoom.toggleActualSize());
    this.#button("fit", () => this.zoom.fit());
  }

  #button(name, act) {
    part(name, this.#root).addEventListener("click", act);
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

  get #pictureStates() {
    return picturesOf(this.#item).map((wanted) => this.#pictures.get(wanted).state);
  }

  show(item) {
    this.#item = item;
    const prompt = part("prompt", this.#root);
    prompt.textContent = item.prompt;
    prompt.classList.toggle("long", item.prompt.length > LONG_PROMPT);
    prompt.scrollTop = 0;
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
    pictures.forEach((picture, i) => this.#drawFrame(this.#frames[i], picture));
    this.zoom.fit();
    if (this.isReady) this.#on.ready();
    else if (this.isBroken) this.#on.broken();
    else {
      Promise.all(pictures.map((picture) => picture.settled)).then(() => {
        if (this.#item === item) this.#draw();
      });
    }
  }

  /** The last image must not stand under this prompt: a frame is empty until its own is there. */
  #drawFrame(frame, picture) {
    const side = frame.dataset.side;
    if (picture.state === "ready") {
      picture.image.alt = t(side === "only" ? "image" : `image.${side}`);
      frame.replaceChildren(picture.image);
    } else if (picture.state === "broken") {
      const again = make("button", { type: "button", className: "quiet", textContent: t("retry") });
      again.addEventListener("click", () => this.retry());
      frame.replaceChildren(make("figcaption", {}, make("p", { textContent: t("image.broken") }), again));
    } else {
      frame.replaceChildren(make("figcaption", { className: "waiting", textContent: t("image.loading") }));
    }
  }
}

/** An item's pictures, known by item and side: their addresses change, and expire. */
function picturesOf({ token, images }) {
  return images.map((address, side) => ({ key: `${token}/${side}`, address }));
}
