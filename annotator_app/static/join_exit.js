// The way out of a study: why, the code as text, the way back to the platform, and what is done with the data.

import { fill, make } from "./dom.js";
import { contact } from "./join_consent.js";
import { currentLanguage, pick, t } from "./texts.js";

/**
 * The page of who is out. `stop` leads to the choice of what is done with the data, `anew` lets somebody else
 * begin at this computer; null: there is no such thing.
 */
export function wayOut(state, { stop, anew }) {
  const { study, exit, why } = state;
  const reason = why === undefined || why === exit.way ? exit.way : why;
  const debrief = pick(study.debrief);
  const told = debrief ? make("div", { className: "text" }) : null;
  if (told !== null) fill(told, debrief);
  return [
    make("h1", { textContent: t(`join.out.${exit.way}.title`) }),
    make("p", { textContent: t(`join.out.${reason}`) }),
    ...back(exit),
    state.credit === "granted" ? make("p", { className: "note", textContent: t("join.credit.granted") }) : null,
    ["asked", "refused"].includes(state.credit) ? make("p", { className: "note", textContent: t("join.credit.later") }) : null,
    told,
    stop !== null && mayDelete(study) ? quietLine(t("join.out.withdraw"), stop) : null,
    anew === null ? null : quietLine(t("join.out.anew"), anew),
    contact(study.contact),
  ];
}

/** The choice of who stops: keep what was given, or delete it. `back` leads back to where they were. */
export function choiceToStop(state, { withdraw, back: goBack }) {
  const { study } = state;
  const keep = make("button", { type: "button", textContent: t("join.stop.keep") });
  const forget = make("button", { type: "button", textContent: t("join.stop.delete") });
  keep.addEventListener("click", () => withdraw(true));
  forget.addEventListener("click", () => withdraw(false));
  const stay = make("button", { type: "button", className: "quiet", textContent: t(state.step === "out" ? "close" : "join.stop.stay") });
  stay.addEventListener("click", goBack);
  const isOut = state.step === "out";
  return [
    make("h1", { textContent: t(isOut ? "join.stop.out.title" : "join.stop.title") }),
    make("p", { textContent: t(isOut ? "join.stop.out" : "join.stop") }),
    study.delete_until ? make("p", { textContent: t("join.stop.until", { time: when(study.delete_until) }) }) : null,
    make("p", { className: "problem", role: "alert", "data-part": "problem" }),
    make("div", { className: "choice" }, ...(isOut ? [] : [keep]), ...(mayDelete(study) ? [forget] : [])),
    make("p", {}, stay),
    contact(study.contact),
  ];
}

function back({ way, code, address }) {
  const shown = code === "" ? null : make("div", { className: "code" },
    make("span", { textContent: t("join.code") }), make("strong", { textContent: code, "data-part": "code" }), copyButton(code));
  const link = address === "" ? null : make("a", { className: "primary", href: address, textContent: t("join.back"), rel: "noreferrer", "data-part": "back" });
  const paid = ["completed", "nothing_left"].includes(way);
  const none = code === "" && address === "" && !paid ? make("p", { textContent: t("join.out.return") }) : null;
  return [shown, link, none];
}

function copyButton(code) {
  const copy = make("button", { type: "button", className: "quiet", textContent: t("join.copy") });
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code);
      copy.textContent = t("join.copied");
    } catch {
      getSelection().selectAllChildren(copy.previousElementSibling); // without HTTPS there is no clipboard
    }
  });
  return copy;
}

function quietLine(textContent, go) {
  const open = make("button", { type: "button", textContent });
  open.addEventListener("click", go);
  return make("p", { className: "stop" }, open);
}

function mayDelete({ delete_until }) {
  return !delete_until || new Date(delete_until) > new Date();
}

function when(time) {
  return new Date(time).toLocaleString(currentLanguage(), { dateStyle: "medium", timeStyle: "short" });
}
