// The page for proposing prompts: checks what is typed, sends it, and shows what became of earlier ones.

import { call } from "./api.js";
import { keepBarInOneRow } from "./bar.js";
import { make, part, setText } from "./dom.js";
import { findings } from "./findings.js";
import { hideNotice, showNotice, wordsFor } from "./header.js";
import { claim, drop, load, save } from "./storage.js";
import { TagFields, tagWords } from "./tags.js";
import { currentLanguage, loadTexts, number, t, translate, useLanguage } from "./texts.js";

const PAUSE_MS = 350; // after the last key, before the server is asked
const RETRY_MS = 3000;

const field = part("text");
let terms = null;
let tags = null;
let draftKey = null;
let asked = 0;
let waiting = 0;

start();

async function start() {
  await loadTexts();
  translate();
  keepBarInOneRow();
  part("language").value = currentLanguage();
  part("language").addEventListener("change", async (event) => {
    await useLanguage(event.target.value);
    location.reload(); // what was typed is kept
  });
  const answer = await firstAnswer();
  showWho(answer);
  showTerms(answer);
  showOwn(answer);
  part("main").hidden = false;
  if (draftKey !== null) claim(draftKey);
  field.value = draftKey === null ? "" : load(draftKey, "");
  part("proposal").addEventListener("submit", (event) => { event.preventDefault(); send(); });
  field.addEventListener("input", () => typed(PAUSE_MS));
  part("proposal").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    send();
  });
  typed(0);
  field.focus();
}

/** What the page shows, asked for until the server answers. */
async function firstAnswer() {
  for (;;) {
    try {
      const answer = await call("submissions");
      hideNotice();
      return answer;
    } catch (refusal) {
      if (refusal.isSignedOut) {
        location.replace("login");
        return new Promise(() => {});
      }
      showNotice(wordsFor(refusal));
      await new Promise((resolve) => { setTimeout(resolve, RETRY_MS); });
    }
  }
}

function showWho({ annotator, role }) {
  const isKnown = annotator !== null;
  part("annotator").textContent = annotator ?? "";
  for (const name of ["rating", "logout", "own_section"]) part(name).hidden = !isKnown;
  part("login").hidden = isKnown;
  part("admin").hidden = role !== "administrator";
  draftKey = isKnown ? `proposal/${annotator}` : null; // who has no account may share the browser with others
}

function showTerms(answer) {
  terms = answer.terms;
  tags = new TagFields(answer.vocabulary);
  part("tags").replaceChildren(tags.element);
  setText(part("licence"), t("propose.licence", { licence: terms.licence }));
  setText(part("licence_text"), terms.licence_text);
  setText(part("consent_words"), t("propose.consent", { licence: terms.licence }));
}

/** What somebody proposed, newest first. */
function showOwn({ own }) {
  part("none").hidden = own.length > 0;
  part("own").replaceChildren(...own.map((one) => {
    const facts = [make("span", { className: "state", textContent: t(`submission.${one.edited_text === null && one.edited_tags === null ? one.state : "edited"}`) }),
      make("span", { className: "quiet-text", textContent: new Date(one.at).toLocaleString(currentLanguage(), { dateStyle: "medium", timeStyle: "short" }) }),
      make("span", { className: "quiet-text", textContent: tagWords(one.edited_tags ?? one.tags) })];
    const lines = [make("p", { className: "text", dir: "auto", textContent: one.edited_text ?? one.text })];
    if (one.edited_text !== null) lines.push(make("p", { className: "text was", dir: "auto", textContent: t("propose.was", { text: one.text }) }));
    if (one.reason !== null) lines.push(make("p", { className: "text", dir: "auto", textContent: t("propose.reason", { reason: one.reason }) }));
    const item = make("li", {}, ...lines, make("p", { className: "facts" }, ...facts));
    item.dataset.state = one.state;
    return item;
  }));
}

/** Count at once, and ask the server once the typing pauses. */
function typed(pause) {
  const words = field.value.split(/\s+/).filter(Boolean).length;
  const characters = [...field.value.trim()].length;
  const isOver = words > terms.max_words || characters > terms.longest;
  setText(part("count"), t("propose.count", { words: number(words), most: number(terms.max_words), characters: number(characters) }));
  part("count").classList.toggle("over", isOver);
  if (draftKey !== null) save(draftKey, field.value);
  say("");
  clearTimeout(waiting);
  waiting = setTimeout(isOver ? () => show({ problems: ["too_long"], nearest: null }) : check, pause);
}

async function check() {
  const question = ++asked;
  if (field.value.trim() === "") return show({ problems: [], nearest: null });
  try {
    const found = await call("submissions/check", { text: field.value });
    if (question !== asked) return undefined; // something else has been typed since
    hideNotice();
    return show(found);
  } catch (refusal) {
    if (refusal.isSignedOut) return showNotice(wordsFor(refusal), { text: t("login"), go: () => location.assign("login") });
    waiting = setTimeout(check, RETRY_MS);
    return showNotice(wordsFor(refusal));
  }
}

function show(found) {
  // While somebody is still typing, "too short" is no news.
  const problems = found.problems.filter((key) => key !== "too_short");
  part("findings").replaceChildren(...findings({ ...found, problems }));
}

async function send() {
  if (part("send").disabled) return undefined; // it is on its way
  if (field.value.trim() === "") return complain(t("error.too_short"), field);
  if (part("count").classList.contains("over")) return complain(t("error.too_long"), field);
  if (!part("consent").checked) return complain(t("error.no_consent"), part("consent"));
  part("send").disabled = true;
  try {
    await call("submissions", { text: field.value, ...tags.values, consent: true, licence_sha256: terms.licence_sha256 });
    clearTimeout(waiting);
    asked += 1;
    field.value = "";
    tags.clear();
    part("consent").checked = false;
    typed(0);
    if (draftKey !== null) drop(draftKey);
    say(t("propose.thanks"), "done");
    field.focus();
    showOwn(await call("submissions"));
  } catch (refusal) {
    complain(wordsFor(refusal), field);
    if (refusal.isSignedOut) showNotice(wordsFor(refusal), { text: t("login"), go: () => location.assign("login") });
  } finally {
    part("send").disabled = false;
  }
  return undefined;
}

function complain(words, where) {
  say(words, "problem");
  where.focus();
}

function say(words, kind = "") {
  setText(part("message"), words);
  part("message").className = `message ${kind}`;
}
