// The door of a study: arrival, consent, questions, and the way out. What is at which step, the server says.

import { call } from "./api.js";
import { make, part } from "./dom.js";
import { hideNotice, showNotice, wordsFor } from "./header.js";
import { at, kept } from "./home.js";
import { agreement, needsOther, thisDevice } from "./join_consent.js";
import { choiceToStop, wayOut } from "./join_exit.js";
import { questionnaire } from "./join_questions.js";
import { currentLanguage, loadTexts, t, translate, useLanguage } from "./texts.js";

const { study, link: linkThere, problem } = part("main").dataset;
const KEPT = kept(study);
const RETRY_MS = 3000;
const STOP = "#stop";

let knock = { query: "", link: "", once: "" };
let state = null;
let isAsking = false;

start();

async function start() {
  knock = takeOutOfTheAddress();
  await loadTexts();
  translate();
  part("language").value = currentLanguage();
  part("language").addEventListener("change", async (event) => {
    await useLanguage(event.target.value);
    translate();
    draw();
  });
  addEventListener("hashchange", draw);
  addEventListener("pageshow", (event) => { if (event.persisted) look(); }); // by the back button
  if (problem !== "") return showProblem(problem);
  await look();
}

/** What the address says is kept for as long as this tab is there, and shown to nobody who looks at it. */
function takeOutOfTheAddress() {
  let found = { query: location.search, link: linkThere, once: randomNumber() };
  if (found.query === "" && found.link === "") found = keptKnock() ?? found;
  else if (!keepKnock(found)) return found; // a browser that keeps nothing: the address stays as it is
  if (study !== "") history.replaceState(null, "", at(`join/${encodeURIComponent(study)}`) + location.hash);
  return found;
}

async function look() {
  await ask("door", knock);
}

function keptKnock() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT));
  } catch {
    return null;
  }
}

/** Whether the browser keeps it, for as long as this tab is there. */
function keepKnock(found) {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(found));
    return true;
  } catch {
    return false;
  }
}

/** By which the server knows what this tab sends again. */
function randomNumber() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Send something to the door and show what comes of it; until there is an answer it is sent again. */
async function ask(what, body) {
  if (isAsking) return; // a second press of the same button
  isAsking = true;
  try {
    await askUntilAnswered(what, body);
  } finally {
    isAsking = false;
  }
}

async function askUntilAnswered(what, body) {
  for (;;) {
    try {
      state = await call(at(`join/${encodeURIComponent(study)}/${what}`), body);
      hideNotice();
      return draw();
    } catch (refusal) {
      if (!refusal.isPassing) return refused(refusal);
      showNotice(wordsFor(refusal));
      await new Promise((resolve) => { setTimeout(resolve, RETRY_MS); });
    }
  }
}

/** What the page itself can mend it says beside the form; what it cannot takes the page's place. */
function refused(refusal) {
  const beside = part("problem");
  if (refusal.code === "consent_changed" || refusal.code === "not_done") return setTimeout(look);
  if (beside !== null && ["boxes", "wrong_use", "too_late", "too_many"].includes(refusal.code)) {
    beside.textContent = wordsFor(refusal);
    return beside.scrollIntoView({ block: "nearest" });
  }
  return showProblem(refusal.code, refusal);
}

function draw() {
  if (state === null) return;
  const isInside = state.is_back || ["questions", "work", "out"].includes(state.step);
  if (location.hash === STOP && isInside) return show(...choiceToStop(state, { withdraw, back }));
  const steps = {
    preview: previewed,
    logged_in: loggedIn,
    return: comingBack,
    consent,
    questions() { return questionnaire(state.study, (answers) => ask("answers", { answers })); },
    work: working,
    out() { return wayOut(state, { stop() { location.hash = STOP; }, anew: knock.link === "" ? null : anew }); },
    turned_away() { return wayOut(state, { stop: null, anew: null }); },
  };
  return show(...steps[state.step]());
}

function show(...parts) {
  const elements = parts.filter((one) => one !== null);
  part("main").replaceChildren(...elements);
  const title = part("main").querySelector("h1");
  title.tabIndex = -1;
  title.focus({ preventScroll: true });
  scrollTo(0, 0);
}

function consent() {
  const lacking = needsOther(state.study.device);
  if (lacking !== null && !state.is_back) return lacking;
  const send = (agrees, sha256, ticked) => ask("agree", { ...knock, agrees, sha256, ticked, ...thisDevice() });
  return agreement(state, send);
}

function previewed() {
  const rows = Object.entries(state.captured).map(([name, value]) =>
    make("tr", {}, make("th", { scope: "row", textContent: name }), make("td", { textContent: value })));
  const captured = make("div", { className: "note" }, make("p", { textContent: t("join.preview") }),
    make("table", { className: "captured" }, make("tbody", {}, ...rows)));
  return [captured, ...agreement({ ...state, is_back: false }, () => showNotice(t("join.preview.nothing")))];
}

function loggedIn() {
  const log = make("form", { method: "post", action: at("logout") },
    make("button", { type: "submit", className: "primary", textContent: t("logout") }));
  return [heading(t("join.logged_in.title")), line(t("join.logged_in", { name: state.annotator })), log];
}

function comingBack() {
  const go = button(t("join.return.go"), () => ask("return", knock));
  return [heading(t("join.return.title")), line(t("join.return")), state.is_proven ? null : line(t("join.return.unproven")), go];
}

/** Nothing is to be done here: on to the images, or, where these are done, out. */
function working() {
  const onward = make("a", { className: "primary", href: at(`study/${encodeURIComponent(study)}/`), textContent: t("join.work.go") });
  if (location.hash === "#end") {
    location.hash = "";
    setTimeout(() => ask("leave", {}));
    return [heading(t("moment.title"))];
  }
  return [heading(t("join.work.title")), line(t("join.work")), onward];
}

function showProblem(code, refusal = null) {
  const key = `join.problem.${code}`;
  const known = t(key);
  const words = known === key ? (refusal === null ? t("error.not_found") : wordsFor(refusal)) : known;
  const again = make("button", { type: "button", className: "quiet", textContent: t("retry") });
  again.addEventListener("click", () => location.reload());
  show(heading(t("join.problem.title")), line(words), line(t("join.problem.nothing")), make("p", {}, again));
}

/** Somebody else at this computer: the person before is let go. */
async function anew() {
  await fetch(at("logout"), { method: "POST", redirect: "manual" });
  knock = { ...knock, once: randomNumber() };
  keepKnock(knock);
  await look();
}

function withdraw(keep) {
  location.hash = "";
  return ask("withdraw", { keep });
}

function back() {
  if (state.step === "work") location.assign(at(`study/${encodeURIComponent(study)}/`));
  else location.hash = "";
}

function heading(textContent) {
  return make("h1", { textContent });
}

function line(textContent) {
  return make("p", { textContent });
}

function button(textContent, go) {
  const found = make("button", { type: "button", className: "primary", textContent });
  found.addEventListener("click", go);
  return found;
}
