// How the two images of a pair stand: beside each other, or one above the other where the window is narrow
// and tall. rate.css decides it (--pair); every word for a side follows.

import { known, t } from "./texts.js";

/** The text `key`, in the words for images that stand one above the other where they do. */
export function placed(key) {
  return (isStacked() ? known(key, "stacked", null) : null) ?? t(key);
}

/** Call `act` whenever the images have been rearranged. */
export function onRearranged(act) {
  let before = isStacked();
  window.addEventListener("resize", () => {
    if (isStacked() === before) return;
    before = !before;
    act();
  });
}

function isStacked() {
  return getComputedStyle(document.documentElement).getPropertyValue("--pair").trim() === "stacked";
}
