// The bar above the screen: progress, and the notices that belong to no item.

import { make, part, setText } from "./dom.js";
import { isPractice } from "./phases.js";
import { known, number, t } from "./texts.js";

/** How much is done and how much is left; how fast is nothing that should hurry anybody. */
export function showProgress({ phase, progress }, unsent) {
  const done = Math.min(progress.done + unsent, progress.total);
  part("progress").max = Math.max(progress.total, 1);
  part("progress").value = done;
  setText(part("count"), t("count", { done: number(done), total: number(progress.total) }));
  setText(part("left"), t("left", { left: number(progress.total - done), today: number(progress.today + unsent) }));
  part("phase").hidden = !isPractice(phase);
  if (isPractice(phase)) {
    setText(part("phase"), t(`phase.${phase}`));
    part("phase").title = t("phase.practice");
  }
}

/** A calm line under the bar, with a button {text, go} if there is something to do. */
export function showNotice(text, button = null) {
  const notice = part("notice");
  notice.replaceChildren(make("span", { textContent: text }));
  notice.classList.toggle("stays", button !== null);
  if (button !== null) {
    const press = make("button", { type: "button", className: "quiet", textContent: button.text });
    press.addEventListener("click", button.go);
    notice.append(press);
  }
  notice.hidden = false;
}

/** Take the line away. */
export function hideNotice() {
  part("notice").hidden = true;
}

/** Take it away if it spoke of something that passes by itself; what has a button waits for that. */
export function endNotice() {
  if (!part("notice").classList.contains("stays")) hideNotice();
}

/** What a failed request means, in words: by its code, else by its status, else as the server said it. */
export function wordsFor(refusal) {
  if (refusal.status === 0) return t("error.no_connection");
  return known("error", refusal.code, null) ?? (refusal.status >= 500 ? t("error.server") : refusal.message || t("error.server"));
}

/** Say something to a screen reader alone. */
export function speak(text) {
  setText(part("spoken"), text);
}
