// Images, loaded ahead and kept ready to be drawn, so that the next item shows at once.

export class Pictures {
  #kept = new Map();

  /** The picture at `address`: {image, state: "loading" | "ready" | "broken", settled: Promise}. */
  get(address) {
    if (!this.#kept.has(address)) this.#kept.set(address, loadPicture(address));
    return this.#kept.get(address);
  }

  /** Load these addresses, and forget all others. */
  keep(addresses) {
    for (const address of this.#kept.keys()) {
      if (!addresses.includes(address)) this.#kept.delete(address);
    }
    addresses.forEach((address) => this.get(address));
  }

  /** Forget a picture that did not load, so that `get` tries again. */
  forget(address) {
    this.#kept.delete(address);
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
