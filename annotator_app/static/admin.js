// The administrator's page: one look at the whole study, refreshed by itself.

import { call, Refusal } from "./api.js";
import { keepBarInOneRow } from "./bar.js";
import { askPause } from "./dialogs.js";
import { make, part, setText } from "./dom.js";
import { endNotice, hideNotice, showNotice, wordsFor } from "./header.js";
import { leaderboardIn } from "./leaderboard.js";
import { overviewTables } from "./overview.js";
import { Poll } from "./poll.js";
import { Queue } from "./queue.js";
import { load, save } from "./storage.js";
import { currentLanguage, duration, loadTexts, number, t, translate, useLanguage } from "./texts.js";

const REFRESH_MS = 5000;
const PATIENCE_MS = 120_000; // a million ratings take their time on a busy machine
const ROLES = ["annotator", "administrator"];

let tables = null;
let queue = null;
let poll = null;
let study = load("admin/study", "");

/** Run the page inside the element that holds admin.html. */
export async function start() {
  await loadTexts();
  translate();
  keepBarInOneRow();
  part("language").value = currentLanguage();
  part("language").addEventListener("change", async (event) => {
    await useLanguage(event.target.value);
    location.reload();
  });
  part("study").addEventListener("change", (event) => choose(event.target.value));
  part("add").elements.role.replaceChildren(...ROLES.map((role) => new Option(t(`role.${role}`), role)));
  part("add").elements.name.placeholder = t("admin.new_name");
  part("add").addEventListener("submit", (event) => { event.preventDefault(); add(event.target); });
  part("load_leaderboard").addEventListener("click", showLeaderboard);
  tables = overviewTables({ pause, resume });
  queue = new Queue(attempt);
  poll = new Poll(refresh, REFRESH_MS);
  poll.now();
}

function choose(name) {
  study = name;
  save("admin/study", name);
  part("leaderboard").replaceChildren();
  hideNotice(); // it was about something done in the other study
  poll.now();
}

async function refresh() {
  await attempt(async () => {
    const asked = study;
    const overview = await call(asked === "" ? "overview" : `overview?study=${encodeURIComponent(asked)}`, undefined, PATIENCE_MS);
    if (study !== asked) return; // another one was chosen meanwhile
    study = overview.study.name;
    showStudies(overview.studies);
    showTiles(overview);
    tables.update(overview);
    await queue.refresh();
    setText(part("updated"), t("admin.updated", { time: new Date().toLocaleTimeString(currentLanguage()) }));
  }, false);
}

/** Do something with the server; say so where it fails, until it was read if it was `asked` for. Whether it worked. */
async function attempt(action, asked = true) {
  try {
    await action();
    if (asked) hideNotice(); // what failed before was done now
    else endNotice();
    return true;
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    let button = asked ? { text: t("understood"), go: hideNotice } : null;
    if (refusal.isSignedOut) button = { text: t("login"), go: () => location.assign("../login") };
    showNotice(refusal.code === "wrong_use" ? refusal.message : wordsFor(refusal), button);
    return false;
  }
}

function showStudies(studies) {
  const select = part("study");
  if ([...select.options].map((option) => option.value).join("\n") !== studies.join("\n")) {
    select.replaceChildren(...studies.map((name) => new Option(name, name)));
  }
  select.value = study;
}

function showTiles({ study: facts, progress, annotators }) {
  const times = annotators.map((one) => one.median_ms).filter((ms) => ms !== null && ms !== undefined).sort((a, b) => a - b);
  const share = progress.total > 0 ? progress.done / progress.total : 0;
  const tiles = {
    progress: `${number(progress.done)} / ${number(progress.total)} (${number(100 * share, 1)} %)`,
    mode: t(`mode.${facts.mode}`),
    overlap: number(facts.overlap),
    at_work: number(annotators.filter((one) => one.today > 0).length),
    time: times.length > 0 ? duration(times[Math.floor(times.length / 2)]) : "–",
    open: [facts.opens, facts.closes].some(Boolean) ? `${when(facts.opens)} – ${when(facts.closes)}` : t("admin.always"),
  };
  const root = part("tiles");
  if (root.children.length === 0) {
    for (const key of Object.keys(tiles)) {
      root.append(make("div", { className: "tile", "data-tile": key }, make("span", { className: "quiet-text", textContent: t(`admin.${key}`) }), make("b")));
    }
    root.append(make("a", { className: "quiet", "data-part": "csv", textContent: t("admin.csv") }));
  }
  for (const [key, words] of Object.entries(tiles)) setText(root.querySelector(`[data-tile="${key}"] b`), words);
  part("csv").href = `ratings.csv?study=${encodeURIComponent(study)}`;
}

function when(time) {
  return time ? new Date(time).toLocaleString(currentLanguage(), { dateStyle: "short", timeStyle: "short" }) : "";
}

async function pause(annotator) {
  const reason = await askPause(annotator);
  if (reason !== null) await change("pause", { study, annotator, reason });
}

async function resume(annotator) {
  await change("resume", { study, annotator });
}

async function change(what, body) {
  await attempt(() => call(what, body));
  poll.now();
}

async function add(form) {
  await attempt(async () => {
    const { name, token } = await call("annotators", { name: form.elements.name.value.trim(), role: form.elements.role.value });
    form.reset();
    showToken(name, token);
    poll.now();
  });
}

/** The token is not kept anywhere: it is shown until the page is left or the next one is made. */
function showToken(name, token) {
  const copy = make("button", { type: "button", className: "quiet", textContent: t("admin.copy") });
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(token);
      setText(copy, t("admin.copied"));
    } catch {
      getSelection().selectAllChildren(part("token").querySelector("code")); // no clipboard on plain HTTP
    }
  });
  part("token").replaceChildren(t("admin.token", { name }), make("code", { textContent: token }), copy);
  part("token").hidden = false;
}

async function showLeaderboard() {
  await attempt(async () => {
    const { html } = await call(`leaderboard?study=${encodeURIComponent(study)}`, undefined, PATIENCE_MS);
    part("leaderboard").replaceChildren(...leaderboardIn(html));
  });
}
