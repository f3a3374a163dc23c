// Something that is done again and again, for as long as somebody looks.

/**
 * Runs `action` (async): never twice at once, and not while the page is hidden. It is run again `pause`
 * milliseconds after it ended, or three times as long as it took, where that is more: a server that is slow
 * is asked less often.
 */
export class Poll {
  #action;
  #pause;
  #timer;
  #isUnderWay = false;
  #isAskedAgain = false;

  constructor(action, pause) {
    this.#action = action;
    this.#pause = pause;
    document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(this.#timer) : this.now()));
  }

  /** Run it now; where it is under way, once more after that, for it may have missed what just happened. */
  async now() {
    this.#isAskedAgain = true;
    if (this.#isUnderWay) return;
    clearTimeout(this.#timer);
    this.#isUnderWay = true;
    const began = performance.now();
    try {
      while (this.#isAskedAgain) {
        this.#isAskedAgain = false;
        await this.#action();
      }
    } finally {
      this.#isUnderWay = false;
      const pause = Math.max(this.#pause, 3 * (performance.now() - began));
      if (!document.hidden) this.#timer = setTimeout(() => this.now(), pause);
    }
  }
}
