// What somebody is told and asked before they are in a study: device, text, boxes, and a choice of two.

import { fill, make } from "./dom.js";
import { currentLanguage, number, pick, t } from "./texts.js";

/** This browser, as the server takes it: the window's width in CSS pixels, and whether fingers are all there is. */
export function thisDevice() {
  return { width: Math.round(window.innerWidth), touch: !matchMedia("(any-pointer: fine)").matches };
}

/** The page for a device that will not do; null where this one does. */
export function needsOther({ min_width, touch, keyboard }) {
  const here = thisDevice();
  const lacks = [];
  if (here.touch && keyboard) lacks.push(t("join.device.keyboard"));
  else if (here.touch && !touch) lacks.push(t("join.device.touch"));
  if (here.width < min_width) lacks.push(t("join.device.width", { least: number(min_width), here: number(here.width) }));
  if (lacks.length === 0) return null;
  return [make("h1", { textContent: t("join.device.title") }), ...lacks.map((textContent) => make("p", { textContent })),
    make("p", { textContent: t("join.device.return") })];
}

/** The text with its boxes; `send(agrees, sha256, ticked)`. */
export function agreement({ study, is_back }, send) {
  const consent = pick(study.consent);
  const text = make("div", { className: "text", lang: languageOf(study.consent) });
  fill(text, consent.html);
  const boxes = consent.boxes.map((textContent) => {
    const box = make("input", { type: "checkbox", name: "box" });
    return make("label", {}, box, make("span", { textContent }));
  });
  const problem = make("p", { className: "problem", role: "alert", "data-part": "problem" });
  const ticked = () => boxes.filter((box) => box.querySelector("input").checked).length;
  const agree = make("button", { type: "button", textContent: t("join.agree"), "data-part": "agree" });
  const refuse = make("button", { type: "button", textContent: t("join.refuse"), "data-part": "refuse" });
  agree.addEventListener("click", () => {
    if (ticked() === boxes.length) return send(true, consent.sha256, ticked());
    problem.textContent = t("join.problem.boxes");
    return boxes.find((box) => !box.querySelector("input").checked).querySelector("input").focus();
  });
  refuse.addEventListener("click", () => send(false, "", 0));
  return [
    make("h1", { textContent: t("join.title") }),
    is_back ? make("p", { className: "note", textContent: t("join.changed") }) : null,
    facts(study),
    text,
    boxes.length > 0 ? make("div", { className: "boxes", role: "group", "aria-label": t("join.boxes") }, ...boxes) : null,
    problem,
    make("div", { className: "choice" }, agree, refuse),
    contact(study.contact),
  ];
}

/** Whom to ask; null where nobody is named. */
export function contact(whom) {
  if (!whom) return null;
  const how = /^\S+@\S+$/.test(whom) ? make("a", { href: `mailto:${whom}`, textContent: whom }) : whom;
  return make("p", { className: "quiet-text" }, t("contact"), " ", how);
}

function facts({ items, minutes, allowed_minutes, reward, currency }) {
  const lines = [];
  if (items) lines.push(t("join.items", { count: number(items) }));
  if (minutes) lines.push(t("join.minutes", { minutes: number(minutes, 1) }));
  if (allowed_minutes) lines.push(t("join.allowed", { minutes: number(allowed_minutes) }));
  if (reward) lines.push(t("join.reward", { reward: money(reward, currency) }));
  if (lines.length === 0) return null;
  return make("ul", { className: "facts" }, ...lines.map((textContent) => make("li", { textContent })));
}

function money(amount, currency) {
  return amount.toLocaleString(currentLanguage(), { style: "currency", currency });
}

/** The language in which `pick` finds them. */
function languageOf(texts) {
  const here = currentLanguage();
  return texts[here] ? here : texts.en ? "en" : Object.keys(texts)[0];
}
