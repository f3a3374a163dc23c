// The windows in which an administrator edits or refuses a proposed prompt.

import { closeWindow, openWindow } from "./dialogs.js";
import { make } from "./dom.js";
import { TagFields } from "./tags.js";
import { t } from "./texts.js";

/** Edit a prompt and its tags; resolves to {text, category, challenges, language}, or null. */
export function askEdit({ text, tags }, vocabulary, { longest }) {
  const dialog = make("dialog");
  const field = make("textarea", { value: text, rows: 5, required: true, maxLength: longest, dir: "auto", "aria-label": t("propose.prompt") });
  const fields = new TagFields(vocabulary, tags);
  const accept = make("button", { type: "submit", className: "primary", textContent: t("admin.accept_edited") });
  const form = make("form", { className: "decision", method: "dialog" },
    make("p", { className: "quiet-text" }, t("admin.original"), " ", make("q", { textContent: text, dir: "auto" })), field, fields.element, accept);
  form.addEventListener("submit", () => closeWindow(dialog, { text: field.value, ...fields.values }));
  return ask(dialog, "edit", t("admin.edit_title"), form, field);
}

/** Ask why a prompt is refused; resolves to the reason, or null. */
export function askRefusal({ text }) {
  const dialog = make("dialog");
  const field = make("textarea", { rows: 3, required: true, maxLength: 500, dir: "auto", "aria-label": t("admin.refusal") });
  const form = make("form", { className: "decision", method: "dialog" },
    make("p", { className: "quiet-text" }, make("q", { textContent: text, dir: "auto" })),
    make("label", {}, t("admin.refusal"), field), make("button", { type: "submit", className: "primary", textContent: t("admin.refuse_now") }));
  form.addEventListener("submit", (event) => {
    if (field.value.trim() === "") event.preventDefault();
    else closeWindow(dialog, field.value.trim());
  });
  return ask(dialog, "refuse", t("admin.refuse_title"), form, field);
}

function ask(dialog, kind, title, form, field) {
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    form.requestSubmit();
  });
  const answered = openWindow(dialog, kind, title, form);
  field.focus();
  return answered;
}
