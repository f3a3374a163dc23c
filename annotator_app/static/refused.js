// Scores that the server refused for good: the browser keeps them until the annotator takes them away.

import { answerWords } from "./criterion.js";
import { closeWindow, openWindow } from "./dialogs.js";
import { make, setText } from "./dom.js";
import { wordsFor } from "./header.js";
import { sketchWords } from "./places.js";
import { currentLanguage, known, number, pick, t } from "./texts.js";

export class RefusedScores {
  #button;
  #outbox;
  #session;

  /** `button` says how many there are and opens their window; `session` has annotator and study. */
  constructor(button, outbox, session) {
    this.#button = button;
    this.#outbox = outbox;
    this.#session = session;
    button.addEventListener("click", () => this.show());
    this.draw();
  }

  draw() {
    const count = this.#outbox.refused.length;
    this.#button.hidden = count === 0;
    setText(this.#button, t("refused.count", { count: number(count) }));
  }

  /** The window with all of them: why, what, a file to keep, and a way to be rid of them. */
  show() {
    const shown = this.#outbox.refused;
    const dialog = make("dialog");
    const download = make("button", { type: "button", className: "primary", textContent: t("refused.download") });
    const remove = make("button", { type: "button", className: "quiet", textContent: t("refused.remove") });
    download.addEventListener("click", () => this.#download(shown));
    remove.addEventListener("click", () => {
      if (remove.dataset.sure === undefined) {
        remove.dataset.sure = "";
        setText(remove, t("refused.sure", { count: number(shown.length) }));
        return;
      }
      this.#outbox.forgetRefused(shown);
      this.draw();
      closeWindow(dialog, null);
    });
    return openWindow(dialog, "refused", t("refused.title"),
      make("p", { textContent: t("refused.text") }),
      make("ul", {}, ...shown.map((entry) => this.#line(entry))),
      make("div", { className: "buttons" }, download, remove));
  }

  #line({ about, body, refused }) {
    const asked = about?.questions ?? this.#session.study.criteria;
    const label = (name) => {
      const criterion = asked.find((one) => one.name === name);
      return criterion?.text ?? pick(criterion?.label) ?? name;
    };
    const isAnswer = Array.isArray(about?.questions);
    const value = (given) => {
      if (isAnswer) return answerWords({ value: given });
      if (/^\d+$/.test(given) && typeof given === "string") return sketchWords(given, this.#session.study.mode);
      return typeof given === "number" ? number(given) : known("side", given, given);
    };
    const scores = [
      ...Object.entries(body.values ?? {}).map(([name, given]) => `${label(name)} ${value(given)}`),
      ...Object.entries(body.reasons ?? {}).map(([name, reason]) => `${label(name)} – ${known("reason", reason, reason)}`),
    ];
    const marked = (body.marks?.regions?.length ?? 0) + (body.marks?.words?.length ?? 0);
    if (marked > 0) scores.push(t("marks.count", { count: number(marked) }));
    const at = new Date(refused.at).toLocaleString(currentLanguage(), { dateStyle: "short", timeStyle: "short" });
    return make("li", {},
      make("p", { dir: "auto", textContent: about?.prompt ?? "" }),
      make("p", { textContent: [...scores, body.comment].filter(Boolean).join(t("list.comma")) }),
      make("p", { className: "quiet-text", textContent: `${at} · ${wordsFor(refused)}` }));
  }

  #download(entries) {
    const { annotator, study } = this.#session;
    const content = JSON.stringify({ study: study.name, annotator, refused: entries }, null, 2);
    const href = URL.createObjectURL(new Blob([content], { type: "application/json" }));
    make("a", { href, download: `refused-${study.name}-${annotator}.json` }).click();
    setTimeout(() => URL.revokeObjectURL(href), 60_000); // the browser may still ask where to put it
  }
}
