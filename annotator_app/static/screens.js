// What stands in the place of an item or of its scores: breaks, feedback, and every state without an item.

import { placed } from "./arrangement.js";
import { answerWords } from "./criterion.js";
import { make, part } from "./dom.js";
import { at } from "./home.js";
import { labelOf } from "./marking.js";
import { meets } from "./ordering.js";
import { sketchWords } from "./places.js";
import { known, number, pick, t } from "./texts.js";

export class Screens {
  #root;
  #go = null;
  #write;

  /** `write()` opens the messages to the organizers. */
  constructor(root, write = () => {}) {
    this.#root = root;
    this.#write = write;
  }

  get isShown() {
    return !this.#root.hidden;
  }

  /** What is shown: "break", "feedback", a phase ...; "" where nothing is. */
  get kind() {
    return this.isShown ? this.#root.dataset.kind : "";
  }

  hide() {
    this.#root.hidden = true;
    this.#go = null;
  }

  /** Enter on a screen does what its button does. */
  press() {
    this.#go?.();
  }

  /** A heading, lines, and a button {text, go} if there is something to do. */
  show(kind, heading, lines, button = null, extra = []) {
    this.#root.dataset.kind = kind;
    this.#go = button?.go ?? null;
    const title = make("h1", { textContent: heading, tabIndex: -1 });
    this.#root.replaceChildren(title, ...lines.filter(Boolean).map((line) => make("p", { textContent: line })), ...extra);
    if (button !== null) {
      const press = make("button", { type: "button", className: "primary", textContent: button.text });
      press.addEventListener("click", () => this.press());
      this.#root.append(press);
    }
    this.#root.hidden = false;
    title.focus({ preventScroll: true });
    title.scrollIntoView({ block: "nearest" }); // where the page scrolls
  }

  takeBreak(count, go) {
    this.show("break", t("break.title"), [t("break.rated", { count: number(count) }), t("break.rest")], { text: t("break.go"), go });
  }

  otherTab(go) {
    this.show("tab", t("tab.title"), [t("tab.text")], { text: t("tab.go"), go });
  }

  waitForConnection(go) {
    this.show("offline", t("offline.title"), [t("offline.text")], { text: t("check"), go });
  }

  moment() {
    this.show("moment", t("moment.title"), [t("moment.text")]);
  }

  /** A phase without items: paused, closed, waiting, finished. `contact`: whom to ask, if anybody is named. */
  phase({ phase, message, code, progress, reason, role, study }, contact, go) {
    if (role === "participant" && !(phase === "paused" && !isFoundByRules(reason))) return this.#toTheDoor(phase, code, study.name, go);
    const why = known("error", code, message);
    const lines = {
      finished: code === "empty" ? [why] : [t("finished.text", { done: number(progress.done) }), t("finished.back")],
      waiting: [code === "day_done" ? why : t("waiting.text"), t("checks")],
      paused: [pausedBecause(reason), why ?? t("paused.text"), t("paused.safe"), t("checks")],
      closed: [why ?? t("closed.text"), code === "not_open" ? message : "", t("checks")],
    }[phase];
    if (phase !== "finished") return this.show(phase, t(`${phase}.title`), lines, { text: t("check"), go }, [...contactLine(contact), this.#writeButton()]);
    const further = part("propose").hidden ? [] : [make("a", { className: "quiet", href: at("propose"), textContent: t("propose.title") })];
    return this.show(phase, t(`${phase}.title`), lines, null, further);
  }

  #writeButton() {
    const button = make("button", { type: "button", className: "quiet", textContent: t("messages.write") });
    button.addEventListener("click", () => this.#write());
    return button;
  }

  /** A participant without an item goes on at the study's door: to what comes first there, or out. */
  #toTheDoor(phase, code, name, check) {
    const door = at(`join/${encodeURIComponent(name)}`);
    if (["left", "consent_changed", "questions"].includes(code)) return location.replace(door);
    const end = { text: t("join.end"), go: () => location.assign(`${door}#end`) };
    const wait = make("button", { type: "button", className: "quiet", textContent: t("check") });
    wait.addEventListener("click", check);
    return this.show(phase, t(`join.end.${phase}.title`), [t(`join.end.${phase}`)], end, phase === "waiting" ? [wait] : []);
  }

  /** What was given, beside what was expected, of the item's questions or the study's criteria, and its marks. */
  feedback(feedback, item, study, go) {
    const criteria = item.questions ?? study.criteria;
    const rows = Object.entries(feedback.criteria).map(([name, { given, expected }]) => {
      const criterion = criteria.find((one) => one.name === name);
      const good = isExpected(given, expected);
      const words = criterion?.text === undefined ? shown : shownAnswer;
      return make("tr", { className: good ? "good" : "off" },
        make("th", { scope: "row", textContent: criterion?.text ?? pick(criterion?.label) ?? name }),
        make("td", { textContent: words(given) }),
        make("td", { textContent: words(expected) }),
        make("td", { textContent: good ? "✓" : "✗", ariaLabel: t(good ? "feedback.good" : "feedback.off") }));
    });
    const head = ["criterion", "given", "expected", "verdict"].map((key) => make("th", { scope: "col", textContent: t(`feedback.${key}`) }));
    const table = make("table", { className: "feedback" }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows, ...markRows(feedback.marks ?? [], item.prompt, study.marks)));
    const words = pick(feedback.text);
    this.show("feedback", t(feedback.passed ? "feedback.passed" : "feedback.failed"), [words], { text: t("feedback.go"), go }, [table]);
  }
}

/** What was expected to be marked, part by part. */
function markRows(parts, prompt, marking) {
  const letters = [...prompt];
  return parts.map((one) => {
    const kind = marking?.kinds.find(({ name }) => name === one.kind);
    const expected = one.words !== undefined
      ? one.words.map(([start, end]) => letters.slice(start, end).join("")).join(t("list.comma"))
      : t("marks.region", { x: number(100 * (one.region[0] + one.region[2] / 2)), y: number(100 * (one.region[1] + one.region[3] / 2)) });
    return make("tr", { className: one.met ? "good" : "off" },
      make("th", { scope: "row", textContent: kind === undefined ? t("marks.words") : labelOf(kind) }),
      make("td", { textContent: t(one.met ? "marks.marked" : "marks.unmarked") }),
      make("td", { textContent: expected }),
      make("td", { textContent: one.met ? "✓" : "✗", ariaLabel: t(one.met ? "feedback.good" : "feedback.off") }));
  });
}

/** Why somebody is paused: in words of the page for what the server's rules found, else as the organizer wrote it. */
function pausedBecause(reason) {
  if (reason === null || reason === undefined || reason.code === "organizer") return "";
  return known("pause", reason.code, null) ?? t("paused.reason", { reason: reason.text });
}

/** Whether the server's rules paused somebody for good, not a person who may let them go on. */
function isFoundByRules(reason) {
  return ["gold", "qualification", "fast", "constant"].includes(reason?.code);
}

/** Whom to ask, as a list of one paragraph, or of none. */
function contactLine(contact) {
  if (!contact) return [];
  const whom = /^\S+@\S+$/.test(contact) ? make("a", { href: `mailto:${contact}`, textContent: contact }) : contact;
  return [make("p", { className: "contact" }, t("contact"), " ", whom)];
}

function isExpected(given, expected) {
  if (isOrder(expected)) return meets(expected, given);
  if (!Array.isArray(expected)) return given === expected;
  return typeof given === "number" ? expected[0] <= given && given <= expected[1] : expected.includes(given);
}

/** The answer to a question; what is expected is [lowest, highest]. */
function shownAnswer(value) {
  if (value === null || value === undefined) return answerWords({ reason: "" });
  return answerWords({ value: Array.isArray(value) ? value[0] : value });
}

function shown(value) {
  if (value === null || value === undefined) return t("excused");
  if (Array.isArray(value)) return typeof value[0] === "number" ? `${value[0]} – ${value[1]}` : value.map(shown).join(", ");
  if (typeof value !== "string") return String(value);
  if (isOrder(value)) return value.replace("*", t("order.others"));
  if (/^\d+$/.test(value)) return sketchWords(value, "ranking");
  return placed(`side.${value}`);
}

/** Whether it is an order of images by their numbers, as "2 > 1 = 3". */
function isOrder(expected) {
  return typeof expected === "string" && /[>=]/.test(expected);
}
