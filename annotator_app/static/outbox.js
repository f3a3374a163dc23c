// Ratings on their way: kept in the browser until the server has acknowledged them, sent in order.
//
// Every entry carries a client_token, by which the server recognizes a repetition: an entry that
// is sent twice because an answer was lost is stored once. An entry leaves the outbox only when an
// answer names its token, or says that it is refused for good; then it is kept as a refused one.

import { call, Refusal } from "./api.js";
import { load, save } from "./storage.js";

const RETRY_MS = [500, 1000, 2000, 5000, 10_000];

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
    this.#key = key;
    this.#listener = listener;
    window.addEventListener("online", () => this.flush());
  }

  /** What is not acknowledged yet, oldest first: [{token, body, about}]. */
  get entries() {
    return load(`outbox/${this.#key}`, []);
  }

  /** What the server refused for good, oldest first: entries with `refused` {at, status, code, message}. */
  get refused() {
    return load(`refused/${this.#key}`, []);
  }

  /** Forget the refused entries that were there when `shown` was read. */
  forgetRefused(shown) {
    const known = new Set(shown.map(clientToken));
    save(`refused/${this.#key}`, this.refused.filter((entry) => !known.has(clientToken(entry))));
  }

  /** `about` is kept beside what is sent, for whoever reads it should it be refused. */
  add(token, body, about = {}) {
    const entry = { token, body: { client_token: newClientToken(), ...body }, about };
    save(`outbox/${this.#key}`, [...this.entries, entry]);
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
        if (answer?.received !== clientToken(entry)) throw new Refusal(0, "no_connection", "another program answered");
      } catch (refusal) {
        if (refusal.isFinal) {
          this.#keepRefused(entry, refusal);
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

  #keepRefused(entry, { status, code, message }) {
    const others = this.refused.filter((kept) => clientToken(kept) !== clientToken(entry));
    const refused = { at: new Date().toISOString(), status, code, message };
    save(`refused/${this.#key}`, [...others, { ...entry, refused }]);
  }

  #remove(entry) {
    save(`outbox/${this.#key}`, this.entries.filter((kept) => clientToken(kept) !== clientToken(entry)));
  }

  #sendLater() {
    const wait = RETRY_MS[Math.min(this.#failures++, RETRY_MS.length - 1)];
    this.#timer = setTimeout(() => this.flush(), wait);
  }
}

function clientToken(entry) {
  return entry.body.client_token;
}

/** By which the server recognizes what it has already. */
export function newClientToken() {
  return crypto.randomUUID?.() ?? randomId();
}

/** crypto.randomUUID exists on secure pages only; a study in a lab's network may be plain HTTP. */
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
