// What the organizers tell an annotator, and what is answered: a quiet bar above the work, and a window.
//
// Nothing here takes the focus or a key. What comes while an item is on the screen waits for the next one, so
// that nothing moves under the pointer (but in the page's first second); only the button in the header says at
// once that there is something.

import { call } from "./api.js";
import { openWindow } from "./dialogs.js";
import { make, part, setText } from "./dom.js";
import { wordsFor } from "./header.js";
import { newClientToken } from "./outbox.js";
import { Poll } from "./poll.js";
import { drop, load, save } from "./storage.js";
import { currentLanguage, number, t } from "./texts.js";

const PAUSE_MS = 30_000;
const BEGUN_MS = 1000;
const LONGEST = 2000;
const BEGINNING = 120;

/** @typedef {{ number: number, mine: boolean, text: string, at: string, read: boolean, about: { prompt: string, comment: string } | null }} Message */
/** @typedef {{ number: number, text: string, at: string }} Announcement */

export class Messages {
  #draft;
  #isCalm;
  /** @type {{ announcements: Announcement[], messages: Message[], unread: number }} */
  #known = { announcements: [], messages: [], unread: 0 };
  #opened = performance.now();
  #poll = new Poll(() => this.#look(), PAUSE_MS);
  #list = null;
  #readUntil = 0; // what the server says may be older than what was done here
  #dismissed = new Set();

  /** `isCalm()`: whether something may move on the page now. */
  constructor(annotator, isCalm) {
    this.#draft = `message/${annotator}`;
    this.#isCalm = isCalm;
    part("messages").hidden = false;
    part("messages").addEventListener("click", () => this.open());
    this.#poll.now();
  }

  /** A moment in which something may move: show what has come. */
  settle() {
    const bar = part("told");
    const news = [...this.#announcements.map((one) => this.#announcement(one)), ...this.#newMessage()];
    const key = JSON.stringify([this.#announcements, this.#unread.map((one) => one.number)]);
    if (bar.dataset.shown === key) return;
    bar.dataset.shown = key;
    bar.replaceChildren(...news);
    bar.hidden = news.length === 0;
  }

  /** All messages, and a field to write in. */
  open() {
    const dialog = make("dialog");
    this.#list = make("ol", { className: "thread" });
    this.#drawList();
    const form = this.#form();
    openWindow(dialog, "messages", t("messages.title"), this.#list, form).then(() => { this.#list = null; });
    form.querySelector("textarea").focus();
    this.#list.lastElementChild?.scrollIntoView({ block: "nearest" });
    this.#markRead();
  }

  get #unread() {
    return this.#known.messages.filter((one) => !one.mine && !one.read && one.number > this.#readUntil);
  }

  get #announcements() {
    return this.#known.announcements.filter((one) => !this.#dismissed.has(one.number));
  }

  async #look() {
    try {
      this.#take(await call("messages"));
    } catch {
      // The work itself says what is wrong with the server or the log-in.
    }
  }

  #take(known) {
    this.#known = known;
    const count = this.#unread.length;
    setText(part("messages"), count === 0 ? t("messages.title") : t("messages.unread", { count: number(count) }));
    part("messages").classList.toggle("news", count > 0);
    if (this.#isCalm() || performance.now() - this.#opened < BEGUN_MS) this.settle();
    this.#drawList();
  }

  #announcement({ number: which, text }) {
    const dismiss = make("button", { type: "button", className: "quiet", textContent: t("messages.dismiss") });
    dismiss.addEventListener("click", () => this.#dismiss(which));
    return make("div", { className: "notice" }, make("p", { dir: "auto", textContent: text }), dismiss);
  }

  /** The line that says what the organizers wrote last, or none. */
  #newMessage() {
    const last = this.#unread.at(-1);
    if (last === undefined) return [];
    const words = last.text.length > BEGINNING ? `${last.text.slice(0, BEGINNING)} …` : last.text; // one line of it
    const read = make("button", { type: "button", className: "quiet", textContent: t("messages.read") });
    read.addEventListener("click", () => this.open());
    return [make("div", { className: "notice" }, make("p", { className: "beginning" }, `${t("messages.new")} `, make("bdi", { textContent: words })), read)];
  }

  #dismiss(which) {
    this.#dismissed.add(which);
    this.settle();
    call("messages/dismiss", { number: which }).catch(() => {}); // with the page's next load it comes back
  }

  #markRead() {
    const last = this.#unread.at(-1);
    if (last === undefined) return;
    this.#readUntil = last.number;
    this.#take(this.#known);
    this.settle();
    call("messages/read", { number: last.number }).catch(() => {}); // it counts as new, then
  }

  #drawList() {
    this.#list?.replaceChildren(...this.#known.messages.map(entry));
    if (this.#list !== null) this.#list.hidden = this.#known.messages.length === 0;
  }

  /** What is being written is kept in the browser until it is sent; sent again, it is the same message. */
  #form() {
    const { text = "", token = "" } = load(this.#draft, {});
    const field = make("textarea", { value: text, rows: 3, maxLength: LONGEST, required: true, dir: "auto", "aria-label": t("messages.text") });
    const send = make("button", { type: "submit", className: "primary", textContent: t("messages.send") });
    const problem = make("p", { className: "message", role: "status" });
    problem.dataset.kind = "problem";
    const form = make("form", { className: "comment", method: "dialog" }, field, problem, send);
    let draft = { text, token: token || newClientToken() };
    field.addEventListener("input", () => {
      draft = { text: field.value, token: newClientToken() };
      save(this.#draft, draft);
    });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (draft.text.trim() === "" || send.disabled) return;
      send.disabled = true;
      setText(problem, "");
      try {
        this.#take(await call("messages", { text: draft.text, client_token: draft.token }));
        drop(this.#draft);
        draft = { text: "", token: newClientToken() };
        field.value = "";
        this.#list?.lastElementChild?.scrollIntoView({ block: "nearest" });
      } catch (refusal) {
        setText(problem, t("messages.not_sent", { why: wordsFor(refusal) }));
      } finally {
        send.disabled = false;
        field.focus();
      }
    });
    return form;
  }
}

/** @param {Message} message */
function entry({ mine, text, at, about }) {
  const when = new Date(at).toLocaleString(currentLanguage(), { dateStyle: "short", timeStyle: "short" });
  const head = make("p", { className: "quiet-text", textContent: `${t(mine ? "messages.you" : "messages.organizer")} · ${when}` });
  const subject = about === null ? [] : [make("p", { className: "about" }, t("messages.about", { prompt: about.prompt }), " ", ...quoted(about.comment))];
  return make("li", { className: mine ? "mine" : "" }, head, ...subject, make("p", { className: "text", dir: "auto", textContent: text }));
}

/** What the annotator wrote to the item, if anything. */
function quoted(comment) {
  return comment === "" ? [] : [make("q", { dir: "auto", textContent: comment })];
}
