// The rating page: starts, and hands keys and presses to the work at hand.

import { call } from "./api.js";
import { keepBarInOneRow } from "./bar.js";
import { isOpen, showHelp, showInstructions, showLeaderboard } from "./dialogs.js";
import { part } from "./dom.js";
import { endNotice, showNotice, wordsFor } from "./header.js";
import { at, logInAddress } from "./home.js";
import { kindsOf, meaning } from "./keys.js";
import { takeOverOlder } from "./older.js";
import { isAtWork } from "./phases.js";
import { Messages } from "./messages.js";
import { Screens } from "./screens.js";
import { load, save } from "./storage.js";
import { joinTabs, workHere } from "./tabs.js";
import { currentLanguage, loadTexts, translate, useLanguage } from "./texts.js";
import { Work } from "./work.js";

const RETRY_MS = 3000;

const screens = new Screens(part("screen"), () => messages?.open());
let work = null;
let messages = null;
let session = null;

start();

async function start() {
  const tabs = joinTabs("rating", () => { work?.leave(); screens.otherTab(workHere); });
  await loadTexts();
  translate();
  keepBarInOneRow();
  listen();
  session = await firstAnswer();
  part("annotator").textContent = session.annotator;
  part("admin").hidden = session.role !== "administrator";
  part("studies").hidden = session.studies < 2;
  part("stop").hidden = session.role !== "participant";
  part("stop").href = at(`join/${encodeURIComponent(session.study.name)}#stop`);
  part("logout").hidden = session.role === "participant"; // they could not log in again
  part("propose").hidden = !session.may_propose;
  part("leaderboard").hidden = session.study.live_leaderboard !== "annotators";
  part("instructions").hidden = Object.keys(session.study.instructions ?? {}).length === 0;
  const { taken, takeOver } = await tabs;
  if (taken) return screens.otherTab(workHere);
  takeOver();
  await takeOverOlder(session.annotator, session.study.name, () => work?.send());
  work = new Work(session, screens, () => messages?.settle());
  messages = new Messages(session.annotator, () => part("work").hidden);
  return welcome();
}

/** The session, asked for until the server answers. */
async function firstAnswer() {
  for (;;) {
    try {
      const answer = await call("session");
      endNotice();
      return answer;
    } catch (refusal) {
      if (refusal.isSignedOut) {
        location.replace(logInAddress());
        return new Promise(() => {});
      }
      showNotice(wordsFor(refusal));
      await new Promise((resolve) => { setTimeout(resolve, RETRY_MS); });
    }
  }
}

/** Newcomers find the instructions open, once there is something to do. */
function welcome() {
  if (!isAtWork(session.phase)) return;
  const key = `welcomed/${session.annotator}/${session.study.name}`;
  if (load(key, false) || part("instructions").hidden) return;
  save(key, true);
  openInstructions();
}

function openInstructions() {
  if (session !== null && !part("instructions").hidden) showInstructions(session.study);
}

async function openLeaderboard() {
  try {
    showLeaderboard((await call("leaderboard")).html);
  } catch (refusal) {
    showNotice(wordsFor(refusal));
  }
}

function listen() {
  part("language").value = currentLanguage();
  part("language").addEventListener("change", async (event) => {
    await useLanguage(event.target.value);
    location.reload(); // drafts are kept; every word on the screen changes
  });
  part("instructions").addEventListener("click", openInstructions);
  part("leaderboard").addEventListener("click", openLeaderboard);
  part("help").addEventListener("click", () => { if (session !== null) showHelp(session.study); });
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", giveFocusBack, { capture: true });
}

function onKey(event) {
  if (isOpen() || session === null) return;
  const key = meaning(event, kindsOf(session.study), work?.condition ?? "waiting");
  if (key === null || !act(key)) return;
  event.preventDefault();
}

/** Do what a key means; false where it means nothing now. */
function act(key) {
  if (key.effect === "held" || key.effect === "nothing") return true;
  if (key.effect === "help") showHelp(session.study);
  else if (key.effect === "instructions") openInstructions();
  else if (key.effect === "submit" && screens.isShown) screens.press();
  else return work?.handle(key) ?? false;
  return true;
}

/** A button pressed with mouse or finger must not keep the focus: Enter would press it once more. */
function giveFocusBack(event) {
  if (event.detail > 0 && event.target.closest?.("button") !== null && !isOpen()) work?.focus();
}
