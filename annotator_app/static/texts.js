// The interface's words, from texts/LANGUAGE.json; a new language is one new file there.

import { EVERYWHERE, load, save } from "./storage.js";

let texts = {};
let language = "en";

/** Fetch the words: in the language chosen before, else the browser's first that there is, else English. */
export async function loadTexts() {
  const wanted = [load("language", null, EVERYWHERE), ...navigator.languages].filter(Boolean).map((tag) => tag.toLowerCase());
  const there = available();
  language = wanted.flatMap((tag) => [tag, tag.split("-")[0]]).find((tag) => there.includes(tag)) ?? "en";
  texts = await (await fetch(new URL(`texts/${language}.json`, import.meta.url))).json();
  document.documentElement.lang = language;
  document.documentElement.dir = texts.direction;
}

/** Choose another language and remember it. */
export async function useLanguage(tag) {
  save("language", tag, EVERYWHERE);
  await loadTexts();
}

export function currentLanguage() {
  return language;
}

/** The text `key`, its {placeholders} filled in. */
export function t(key, values = {}) {
  return (texts[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Words for an error or a reason that the server names: by its key where that is known, else as it came. */
export function known(kind, key, fallback) {
  return texts[`${kind}.${key}`] ?? fallback;
}

/** The study's own words, {language: words}: in the page's language, else in the first there is. */
export function pick(words) {
  return words?.[language] ?? words?.en ?? Object.values(words ?? {})[0];
}

/** Fill in the words of a page: data-text, data-label (for screen readers), data-hint (tooltip). */
export function translate(root = document) {
  for (const element of root.querySelectorAll("[data-text]")) element.textContent = t(element.getAttribute("data-text"));
  for (const element of root.querySelectorAll("[data-label]")) element.ariaLabel = t(element.getAttribute("data-label"));
  for (const element of root.querySelectorAll("[data-hint]")) element.setAttribute("title", t(element.getAttribute("data-hint")));
}

/** A number as the language writes it, with at most, and at least, so many decimals. */
export function number(value, digits = 0, least = 0) {
  return value.toLocaleString(language, {
    maximumFractionDigits: digits,
    minimumFractionDigits: least,
    signDisplay: "negative", // no "-0.00"
  });
}

/** A short length of time: 8 s, 1.5 min, 2 h. */
export function duration(ms) {
  if (ms < 60_000) return t("time.seconds", { n: number(ms / 1000, ms < 10_000 ? 1 : 0) });
  if (ms < 3_600_000) return t("time.minutes", { n: number(ms / 60_000) });
  return t("time.hours", { n: number(ms / 3_600_000, 1) });
}

function available() {
  return (document.querySelector("[data-languages]")?.getAttribute("data-languages") ?? "en").split(" ");
}
