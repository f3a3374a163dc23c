// One annotator, several tabs: one works, the others say so and offer to take over. Two tabs at
// work on one item would correct each other without anybody wanting it.

import { named } from "./storage.js";

const ANSWER_MS = 150;
const HERE = named("work-here"); // this tab was told to take over, and starts anew

/**
 * Ask whether another tab is at work for `name` in this study; resolves to {taken, takeOver()}. `onLost` is called
 * when another tab takes over from this one.
 */
export async function joinTabs(name, onLost) {
  const channel = new BroadcastChannel(named(name));
  let atWork = false;
  let taken = false;
  channel.addEventListener("message", ({ data }) => {
    if (data === "anybody?" && atWork) channel.postMessage("yes");
    if (data === "yes") taken = true;
    if (data === "mine now" && atWork) {
      atWork = false;
      onLost();
    }
  });
  channel.postMessage("anybody?");
  await new Promise((resolve) => { setTimeout(resolve, ANSWER_MS); });
  if (sessionStorage.getItem(HERE) !== null) taken = false;
  sessionStorage.removeItem(HERE);
  atWork = !taken;
  return {
    taken,
    takeOver() {
      atWork = true;
      channel.postMessage("mine now");
    },
  };
}

/** Start this tab anew as the one that works. */
export function workHere() {
  sessionStorage.setItem(HERE, "");
  location.reload();
}
