// The administrator's queue of proposed prompts: oldest first, each decided on once.

import { call } from "./api.js";
import { askEdit, askRefusal } from "./decisions.js";
import { make, part, setText } from "./dom.js";
import { nearestLine } from "./findings.js";
import { Table, text } from "./table.js";
import { tagWords } from "./tags.js";
import { currentLanguage, number, t } from "./texts.js";

export class Queue {
  #attempt;
  #cards = new Map();
  #decided;
  #latest = null;

  /** `attempt(action)` runs what may be refused, and says so. */
  constructor(attempt) {
    this.#attempt = attempt;
    const element = part("decided");
    element.dataset.name = t("admin.decided");
    this.#decided = new Table(element, [
      text(t("admin.at"), ({ decided_at: at }) => when(at)),
      text(t("admin.decision"), (one) => t(`submission.${isEdited(one) ? "edited" : one.state}`)),
      text(t("admin.proposed_prompt"), (one) => one.edited_text ?? one.text),
      text(t("admin.note"), (one) => one.reason ?? changes(one)),
      text(t("admin.proposed_by"), ({ author }) => author ?? t("admin.stranger")),
      text(t("admin.decided_by"), ({ decided_by: name }) => name),
    ], ({ id }) => id, t("admin.none"));
  }

  async refresh() {
    const found = await call("submissions");
    this.#latest = found;
    const total = Object.values(found.counts).reduce((sum, count) => sum + count, 0);
    part("submissions").hidden = found.open_to === "nobody" && total === 0;
    setText(part("waiting"), t("admin.waiting", { count: number(found.counts.pending) }));
    part("no_proposals").hidden = found.pending.length > 0;
    this.#showPending(found.pending);
    this.#decided.update(found.decided);
  }

  #showPending(pending) {
    const before = this.#cards;
    this.#cards = new Map(pending.map((one) => [one.id, before.get(one.id) ?? this.#newCard(one)]));
    for (const one of pending) fillNearest(this.#cards.get(one.id), one);
    const root = part("proposals");
    const wanted = [...this.#cards.values()];
    if (wanted.length === root.children.length && wanted.every((card, i) => card === root.children[i])) return;
    for (const card of [...root.children]) if (!wanted.includes(card)) card.remove();
    wanted.forEach((card, i) => { if (root.children[i] !== card) root.insertBefore(card, root.children[i] ?? null); });
  }

  #newCard(one) {
    const words = one.text.split(/\s+/).filter(Boolean).length;
    const facts = [one.author ?? t("admin.stranger"), when(one.at), t("admin.words", { count: number(words) }), tagWords(one.tags), one.licence];
    const button = (key, className, go) => {
      const press = make("button", { type: "button", className, textContent: t(key), ariaLabel: `${t(key)}: ${one.text.slice(0, 80)}` });
      press.addEventListener("click", go);
      return press;
    };
    return make("article", { className: "proposed" },
      make("p", { className: "text", dir: "auto", textContent: one.text }),
      make("p", { className: "quiet-text", textContent: facts.filter(Boolean).join(" · ") }),
      make("div", { className: "near-place" }),
      make("div", { className: "buttons" },
        button("admin.accept", "primary", () => this.#decide("accept", { id: one.id })),
        button("admin.edit", "quiet", () => this.#edit(one)),
        button("admin.refuse", "quiet", () => this.#refuse(one))));
  }

  async #edit(one) {
    const edited = await askEdit(one, this.#latest.vocabulary, this.#latest.terms);
    if (edited !== null) await this.#decide("accept", { id: one.id, edited });
  }

  async #refuse(one) {
    const reason = await askRefusal(one);
    if (reason !== null) await this.#decide("refuse", { id: one.id, reason });
  }

  async #decide(what, body) {
    const place = [...this.#cards.keys()].indexOf(body.id);
    const done = await this.#attempt(() => call(`submissions/${what}`, body));
    await this.#attempt(() => this.refresh(), false);
    if (!done) return;
    const cards = [...this.#cards.values()];
    const next = cards[Math.min(Math.max(place, 0), cards.length - 1)];
    (next?.querySelector("button") ?? part("waiting")).focus();
  }
}

/** The nearest known prompt may change while a card waits; its element only where it does. */
function fillNearest(card, { nearest }) {
  const place = card.querySelector(".near-place");
  const key = JSON.stringify(nearest);
  if (place.dataset.key === key) return;
  place.dataset.key = key;
  place.replaceChildren(...(nearest === null ? [] : [nearestLine(nearest)]));
}

function isEdited(one) {
  return one.edited_text !== null || one.edited_tags !== null;
}

/** What an accepted prompt was before it was edited. */
function changes(one) {
  if (one.edited_text !== null) return t("admin.was", { text: one.text });
  return one.edited_tags === null ? "" : t("admin.was", { text: tagWords(one.tags) || t("propose.unsaid") });
}

function when(at) {
  return new Date(at).toLocaleString(currentLanguage(), { dateStyle: "short", timeStyle: "short" });
}
