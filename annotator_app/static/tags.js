// The tags of a proposed prompt: category, what is hard about it, language; as fields and as words.

import { make } from "./dom.js";
import { currentLanguage, known, t } from "./texts.js";

export class TagFields {
  #category;
  #language;
  #boxes;

  /** `vocabulary`: {categories, challenges, languages}; `tags` as a prompt has them. */
  constructor({ categories, challenges, languages }, tags = {}) {
    const chosen = tags.challenge?.split(", ") ?? [];
    const names = namedOnce(languages, tags.language).map((code) => [languageName(code), code]).sort(([a], [b]) => a.localeCompare(b, currentLanguage()));
    this.#category = select(categories.map((name) => [t(`category.${name}`), name]), tags.category);
    this.#language = select(names, tags.language);
    this.#boxes = challenges.map((name) => make("input", { type: "checkbox", value: name, checked: chosen.includes(name) }));
    const chips = this.#boxes.map((box) => make("label", { title: t(`challenge.${box.value}.means`) }, box, t(`challenge.${box.value}`)));
    this.element = make("div", { className: "tags" },
      make("label", {}, heading("propose.category"), this.#category),
      make("label", {}, heading("propose.language"), this.#language),
      make("fieldset", {}, make("legend", {}, heading("propose.challenges")), ...chips));
  }

  /** {category, challenges, language}, null where nothing was chosen. */
  get values() {
    return {
      category: this.#category.value || null,
      challenges: this.#boxes.filter((box) => box.checked).map((box) => box.value),
      language: this.#language.value || null,
    };
  }

  clear() {
    this.#category.value = "";
    this.#language.value = "";
    for (const box of this.#boxes) box.checked = false;
  }
}

/** A prompt's tags on one line; "" where it has none. */
export function tagWords({ category, challenge, language }) {
  const words = (challenge?.split(", ") ?? []).map((name) => known("challenge", name, name));
  return [category && known("category", category, category), words.join(", "), language && languageName(language)].filter(Boolean).join(" · ");
}

/**
 * The codes of languages that browsers have a name for (a bare code in the list would help nobody), of those with
 * one name the first ("ak" and "tw" are both Akan); the one that was `chosen` in any case.
 */
function namedOnce(codes, chosen) {
  const byName = new Map();
  for (const code of codes) {
    const name = languageName(code);
    if (code === chosen || (name !== code && !byName.has(name))) byName.set(name, code);
  }
  return [...byName.values()];
}

function select(options, value = "") {
  const element = make("select", { className: "quiet" }, new Option(t("propose.unsaid"), ""), ...options.map(([words, key]) => new Option(words, key)));
  element.value = value;
  return element;
}

function heading(key) {
  return make("span", {}, t(key), " ", make("span", { className: "optional", textContent: t("propose.optional") }));
}

function languageName(code) {
  return new Intl.DisplayNames([currentLanguage()], { type: "language" }).of(code) ?? code;
}
