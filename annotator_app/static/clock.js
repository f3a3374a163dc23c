// Time on an item: only while its image is there, nothing covers it, and the page is visible.

const DAY_MS = 86_400_000; // the server takes no more

export class Clock {
  #total = 0;
  #since = null;
  #running = false;

  constructor() {
    document.addEventListener("visibilitychange", () => this.#tick());
  }

  /** Stand still at `elapsed` milliseconds: the time an item had before a reload. */
  reset(elapsed = 0) {
    this.#running = false;
    this.#since = null;
    this.#total = elapsed;
  }

  run() {
    this.#running = true;
    this.#tick();
  }

  pause() {
    this.#running = false;
    this.#tick();
  }

  get elapsed() {
    this.#tick();
    return Math.round(Math.min(this.#total, DAY_MS));
  }

  #tick() {
    if (this.#since !== null) this.#total += performance.now() - this.#since;
    this.#since = this.#running && !document.hidden ? performance.now() : null;
  }
}
