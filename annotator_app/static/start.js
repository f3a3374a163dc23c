// The start page: the studies that are open to who is logged in, as they come and go.

import { call } from "./api.js";
import { keepBarInOneRow } from "./bar.js";
import { askToJoin } from "./dialogs.js";
import { make, part, setText } from "./dom.js";
import { hideNotice, showNotice, wordsFor } from "./header.js";
import { at, logInAddress } from "./home.js";
import { currentLanguage, loadTexts, number, t, translate, useLanguage } from "./texts.js";

const REFRESH_MS = 5000;

let shown = "";
let owns = false; // administrators are led to the console, and rate where they asked to

start();

async function start() {
  await loadTexts();
  translate();
  keepBarInOneRow();
  const { missing } = part("main").dataset; // why this page stands in the place of a study's
  part("missing").hidden = missing === "";
  if (missing !== "") setText(part("missing"), t(`studies.${missing}`));
  part("language").value = currentLanguage();
  part("language").addEventListener("change", async (event) => {
    await useLanguage(event.target.value);
    location.reload();
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  keepFresh();
}

/** Ask again some time after each answer, so that a slow server is not asked twice at once. */
async function keepFresh() {
  if (!document.hidden) await refresh();
  setTimeout(keepFresh, REFRESH_MS);
}

async function refresh() {
  try {
    show(await call(at("studies")));
    hideNotice();
  } catch (refusal) {
    const logIn = { text: t("login"), go: () => location.assign(logInAddress()) };
    showNotice(wordsFor(refusal), refusal.isSignedOut ? logIn : null);
  }
}

function show({ annotator, role, may_propose, studies }) {
  owns = role === "administrator";
  setText(part("annotator"), annotator);
  part("admin").hidden = role !== "administrator";
  part("propose").hidden = !may_propose;
  part("none").hidden = studies.length > 0;
  const key = JSON.stringify(studies);
  if (key === shown) return; // nothing moves under the pointer, no focus is lost
  shown = key;
  const links = [...part("studies").querySelectorAll("a")];
  const focused = links.indexOf(document.activeElement);
  const hadFocus = links[focused]?.href;
  part("studies").replaceChildren(...studies.map((study) => make("li", {}, entry(study))));
  [...part("studies").querySelectorAll("a")].find((link) => link.href === hadFocus)?.focus();
}

function entry(study) {
  return owns && !study.joined ? make("div", { className: "owned" }, linkTo(study, `admin/?study=${encodeURIComponent(study.name)}`), joining(study.name)) : linkTo(study, `study/${encodeURIComponent(study.name)}/`);
}

function joining(study) {
  const button = make("button", { type: "button", className: "quiet", textContent: t("studies.join"), ariaLabel: `${t("studies.join")}: ${study}` });
  button.addEventListener("click", () => join(study));
  return button;
}

async function join(study) {
  if (await askToJoin(study) !== true) return;
  try {
    await call(at(`study/${encodeURIComponent(study)}/join`), {});
    location.assign(at(`study/${encodeURIComponent(study)}/`));
  } catch (refusal) {
    showNotice(wordsFor(refusal));
  }
}

function linkTo({ name, mode, state, done, opens, closes }, to) {
  const facts = [t(`mode.${mode}`), t("studies.done", { count: number(done) })];
  if (state === "not_open") facts.push(t("studies.opens", { time: when(opens) }));
  if (state === "open" && closes !== null) facts.push(t("studies.closes", { time: when(closes) }));
  const badge = state === "open" ? [] : [make("span", { className: "badge", textContent: t(`studies.${state}`) })];
  return make("a", { href: at(to) },
    make("b", { textContent: name }), ...badge, make("span", { className: "quiet-text", textContent: facts.join(" · ") }));
}

function when(time) {
  return new Date(time).toLocaleString(currentLanguage(), { dateStyle: "medium", timeStyle: "short" });
}
