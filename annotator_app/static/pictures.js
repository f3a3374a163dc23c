// Images, loaded ahead and kept ready to be drawn, so that the next item shows at once.

export class Pictures {
  #kept = new Map();

  /** The picture {key, address}: {image, state: "loading" | "ready" | "broken", settled: Promise}. */
  get({ key, address }) {
    if (!this.#kept.has(key)) this.#kept.set(key, loadPicture(address));
    return this.#kept.get(key);
  }

  /** Load these pictures, and forget all others. */
  keep(wanted) {
    const keys = new Set(wanted.map(({ key }) => key));
    for (const key of this.#kept.keys()) {
      if (!keys.has(key)) this.#kept.delete(key);
    }
    wanted.forEach((picture) => this.get(picture));
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
