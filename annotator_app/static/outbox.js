// Ratings on their way: kept in the browser until the server has acknowledged them, sent in order.
//
// Every entry carries a client_token, by which the server recognizes a repetition: an entry that
// is sent twice because an answer was lost is stored once.

import { call } from "./api.js";
import { load, save } from "./storage.js";

const RETRY_MS = [500, 1000, 2000, 5000, 10_000];
const HELD = new Set(["paused", "closed"]); // not now, but not refused for good either

export class Outbox {
  #key;
  #listener;
  #running = null;
  #failures = 0;
  #timer = null;

  /**
   * `key` names the annotator and the study. `listener` has sent(entry, answer), refused(entry,
   * refusal) for what the server will never take, and held(refusal) when sending has to wait.
   */
  constructor(key, listener) {
    this.#key = `outbox/${key}`;
    this.#listener = listener;
    window.addEventListener("online", () => this.flush());
  }

  /** What is not acknowledged yet, oldest first: [{token, body}]. */
  get entries() {
    return load(this.#key, []);
  }

  add(token, body) {
    const entry = { token, body: { client_token: crypto.randomUUID?.() ?? randomId(), ...body } };
    save(this.#key, [...this.entries, entry]);
    this.flush();
    return entry;
  }

  /** Send what there is; resolves when nothing is left or sending has to wait. */
  flush() {
    clearTimeout(this.#timer);
    this.#running ??= this.#send().finally(() => { this.#running = null; });
    return this.#running;
  }

  async #send() {
    for (let entry = this.entries[0]; entry !== undefined; entry = this.entries[0]) {
      let answer;
      try {
        answer = await call(`item/${entry.token}`, entry.body);
      } catch (refusal) {
        if (!(refusal.isPassing || refusal.isSignedOut || HELD.has(refusal.code))) {
          this.#remove(entry);
          this.#listener.refused(entry, refusal);
          continue;
        }
        if (refusal.isPassing) this.#sendLater();
        this.#listener.held(refusal);
        return;
      }
      this.#failures = 0;
      this.#remove(entry);
      this.#listener.sent(entry, answer);
    }
  }

  #remove(entry) {
    save(this.#key, this.entries.filter((kept) => kept.body.client_token !== entry.body.client_token));
  }

  #sendLater() {
    const wait = RETRY_MS[Math.min(this.#failures++, RETRY_MS.length - 1)];
    this.#timer = setTimeout(() => this.flush(), wait);
  }
}

/** crypto.randomUUID exists on secure pages only; a study in a lab's network may be plain HTTP. */
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
