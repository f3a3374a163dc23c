// Images, loaded ahead and kept ready to be drawn, so that the next item shows at once.

const KEPT = 8; // so that going back shows at once, too

export class Pictures {
  #kept = new Map(); // the longest unused first

  /** The picture {key, address}: {image, state: "loading" | "ready" | "broken", settled: Promise}. */
  get({ key, address }) {
    const picture = this.#kept.get(key) ?? loadPicture(address);
    this.#kept.delete(key);
    this.#kept.set(key, picture);
    return picture;
  }

  /** Load these pictures, and forget those that were not asked for longest. */
  preload(wanted) {
    wanted.forEach((picture) => this.get(picture));
    for (const key of [...this.#kept.keys()].slice(0, -Math.max(KEPT, wanted.length))) this.#kept.delete(key);
  }

  /** Forget a picture that did not load, so that `get` tries again. */
  forget({ key }) {
    this.#kept.delete(key);
  }
}

function loadPicture(address) {
  const image = new Image();
  image.draggable = false;
  const picture = { image, state: "loading" };
  image.src = address;
  picture.settled = image.decode().then(
    () => { picture.state = "ready"; },
    () => { picture.state = "broken"; },
  );
  return picture;
}
