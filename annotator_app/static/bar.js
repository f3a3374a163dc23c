// The bar at the top keeps to one row: what does not fit beside the progress goes into a menu.

import { part } from "./dom.js";

/** Keep the bar of this page in one row from now on. */
export function keepBarInOneRow() {
  const bar = part("bar");
  const fold = part("fold");
  const open = (isOpen) => {
    bar.classList.toggle("open", isOpen);
    fold.ariaExpanded = String(isOpen);
  };
  const arrange = () => {
    bar.classList.remove("folded");
    const where = part("where");
    const isFull = where.scrollWidth > where.clientWidth || bar.scrollWidth > bar.clientWidth;
    bar.classList.toggle("folded", isFull);
    if (!isFull) open(false);
  };
  fold.addEventListener("click", () => open(!bar.classList.contains("open")));
  document.addEventListener("click", ({ target }) => {
    if (!(target instanceof Element && target.closest("[data-part=fold], #menu select"))) open(false);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !bar.classList.contains("open")) return;
    event.stopPropagation(); // it means this menu alone
    open(false);
    fold.focus();
  }, { capture: true });
  window.addEventListener("resize", arrange);
  new MutationObserver(arrange).observe(bar, { subtree: true, childList: true, characterData: true, attributeFilter: ["hidden"] });
  arrange();
}
