// The log-in page's words, in the visitor's language; the page works without this too.

import { part } from "./dom.js";
import { currentLanguage, known, loadTexts, translate, useLanguage } from "./texts.js";

const problem = part("problem");
const asItCame = problem.textContent;
const language = part("language");

language.addEventListener("change", async () => {
  await useLanguage(language.value);
  show();
});
await loadTexts();
show();
// Who is asked again has the name in its field already; who types it just now is not interrupted.
const { value, defaultValue } = part("name");
if (defaultValue !== "" && value === defaultValue) part("token").focus();

function show() {
  language.value = currentLanguage();
  translate();
  problem.textContent = known("error", problem.dataset.code, asItCame);
}
