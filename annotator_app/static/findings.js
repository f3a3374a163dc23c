// What the server found out about a prompt: what is wrong with it, and the known prompt most like it.

import { make } from "./dom.js";
import { known, number, t } from "./texts.js";

/** Paragraphs for {problems, nearest}. */
export function findings({ problems, nearest }) {
  const lines = problems.map((key) => make("p", { className: "finding", textContent: known("error", key, key) }));
  return nearest === null ? lines : [...lines, nearestLine(nearest)];
}

/** The nearest known prompt: its text, where that may be told, and where it is from. */
export function nearestLine({ similarity, origin, set, text }) {
  const facts = { share: number(100 * similarity), where: t(`near.${origin}`, { set: set ?? "" }) };
  if (text === null) return make("p", { className: "finding near", textContent: t("near.untold", facts) });
  return make("p", { className: "finding near" }, t("near.told", facts), " ", make("q", { textContent: text, dir: "auto" }));
}
