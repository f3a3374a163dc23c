// The questions about the person, before the work.

import { make } from "./dom.js";
import { number, pick, t } from "./texts.js";

/** The form; `send(answers)` by the questions' names, as texts. */
export function questionnaire({ questions }, send) {
  const problem = make("p", { className: "problem", role: "alert", "data-part": "problem" });
  const fields = questions.map(field);
  const form = make("form", { className: "asked", noValidate: true }, ...fields.map((one) => one.element), problem,
    make("button", { type: "submit", className: "primary", textContent: t("join.questions.go") }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const wrong = fields.find((one) => !one.isAnswered());
    problem.textContent = wrong === undefined ? "" : wrong.complaint();
    if (wrong !== undefined) return wrong.element.querySelector("input").focus();
    return send(Object.fromEntries(fields.map((one) => [one.name, one.value()])));
  });
  return [make("h1", { textContent: t("join.questions.title") }), make("p", { textContent: t("join.questions") }), form];
}

function field(question) {
  return question.kind === "choice" ? choice(question) : amount(question);
}

function choice({ name, texts, options, required }) {
  const inputs = options.map(({ value }) => make("input", { type: "radio", name, value }));
  const labels = options.map((option, i) =>
    make("label", {}, inputs[i], make("span", { textContent: pick(option.texts) ?? option.value })));
  const value = () => inputs.find((input) => input.checked)?.value ?? "";
  const complaint = () => t("join.questions.missing");
  return { name, value, complaint, isAnswered: () => !required || value() !== "", element: framed(texts, required, ...labels) };
}

function amount({ name, texts, minimum, maximum, required }) {
  const input = make("input", { type: "number", name, min: String(minimum), max: String(maximum), step: "any", inputMode: "decimal", "aria-label": pick(texts) });
  const value = () => input.value.trim();
  const isAnswered = () => (value() === "" ? !required && !input.validity.badInput : input.validity.valid);
  const words = t("join.questions.range", { from: number(minimum, 2), to: number(maximum, 2) });
  const range = make("p", { className: "quiet-text", textContent: words });
  const complaint = () => (value() === "" && !input.validity.badInput ? t("join.questions.missing") : words);
  return { name, value, complaint, isAnswered, element: framed(texts, required, input, range) };
}

function framed(texts, required, ...children) {
  const optional = required ? "" : make("span", { className: "optional", textContent: ` ${t("propose.optional")}` });
  return make("fieldset", {}, make("legend", {}, pick(texts), optional), ...children);
}
