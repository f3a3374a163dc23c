// What goes with an item's scores: a flag and a comment.

import { askComment } from "./dialogs.js";
import { part } from "./dom.js";

export class Extras {
  #given = { flag: false, comment: "" };
  #changed;

  constructor(changed) {
    this.#changed = changed;
    part("flag").addEventListener("click", () => this.toggleFlag());
    part("comment").addEventListener("click", () => this.editComment());
  }

  /** Begin an item, with what was given to it before, if anything. */
  begin(given) {
    this.#set({ flag: given?.flag ?? false, comment: given?.comment ?? "" });
  }

  get given() {
    return { ...this.#given };
  }

  get isTouched() {
    return this.#given.flag || this.#given.comment !== "";
  }

  toggleFlag() {
    this.#set({ flag: !this.#given.flag });
    this.#changed();
  }

  async editComment() {
    const comment = await askComment(this.#given.comment);
    if (comment === null) return;
    this.#set({ comment });
    this.#changed();
  }

  #set(given) {
    Object.assign(this.#given, given);
    part("flag").ariaPressed = String(this.#given.flag);
    part("comment").ariaPressed = String(this.#given.comment !== "");
  }
}
