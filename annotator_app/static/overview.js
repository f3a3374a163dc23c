// The tables of the administrator's page.

import { make, part, setText } from "./dom.js";
import { bar, numeric, Table, text } from "./table.js";
import { currentLanguage, duration, known, number, t } from "./texts.js";

/** All tables; `on` has pause(name) and resume(name). `update(overview)` fills them. */
export function overviewTables(on) {
  const tables = {
    by_stratum: progressTable("by_stratum", "stratum"),
    by_model: progressTable("by_model", "model"),
    annotators: annotatorTable(on),
    agreement: agreementTable(),
    flags: table("flags", [
      text(t("admin.at"), ({ at }) => time(at)),
      text(t("admin.annotator"), ({ annotator }) => annotator),
      text(t("admin.model"), ({ model }) => model),
      text(t("admin.prompt"), ({ prompt, prompt_id: id, sample }) => `${prompt} (${id}, ${sample})`),
      text(t("flag"), ({ flag }) => (flag ? "⚑" : "")),
      text(t("comment"), ({ comment }) => comment || ""),
    ], (row) => [row.annotator, row.model, row.prompt_id, row.sample, row.at].join("\n")),
    events: table("events", [
      text(t("admin.at"), ({ at }) => time(at)),
      text(t("admin.kind"), ({ kind }) => known("event", kind, kind)),
      text(t("admin.annotator"), ({ annotator }) => annotator ?? ""),
      text(t("admin.what"), ({ text: words }) => words),
    ], (row) => [row.at, row.kind, row.annotator, row.text].join("\n")),
  };
  return {
    update(overview) {
      for (const [name, one] of Object.entries(tables)) one.update(overview[name] ?? []);
    },
  };
}

function table(name, columns, keyOf) {
  const element = part(name);
  element.dataset.name = t(`admin.${name}`);
  return new Table(element, columns, keyOf, t("admin.none"));
}

function progressTable(name, key) {
  return table(name, [
    text(t(`admin.${key}`), (row) => row[key]),
    bar(t("admin.progress"), ({ done, total }) => done / Math.max(total, 1), ({ done, total }) => `${number(done)} / ${number(total)}`),
  ], (row) => row[key]);
}

function annotatorTable(on) {
  return table("annotators", [
    text(t("admin.name"), ({ name }) => name),
    text(t("admin.role"), ({ role }) => known("role", role, role)),
    { title: t("admin.state"), fill: fillState },
    numeric(t("admin.done"), ({ done }) => number(done)),
    numeric(t("admin.today"), ({ today }) => number(today)),
    numeric(t("admin.time"), ({ median_ms: ms }) => (ms === null || ms === undefined ? "–" : duration(ms))),
    numeric(t("admin.gold"), ({ gold_passed: passed, gold_seen: seen }) => (seen > 0 ? `${passed} / ${seen}` : "–")),
    numeric(t("admin.repeats"), ({ repeat_difference: by }) => (by === null || by === undefined ? "–" : number(by, 1))),
    numeric(t("admin.withheld"), ({ withheld }) => number(withheld ?? 0)),
    numeric(t("admin.flags_given"), ({ flags }) => number(flags ?? 0)),
    { title: t("admin.action"), fill: (cell, row) => fillButton(cell, row, on) },
  ], ({ name }) => name);
}

function fillState(cell, { active, paused, came }) {
  const isPaused = paused !== null && paused !== undefined;
  const works = came ? t("admin.active") : t("admin.not_come");
  setText(cell, !active ? t("admin.disabled") : isPaused ? t("admin.paused", { reason: paused }) : works);
  cell.classList.toggle("paused", isPaused);
}

function fillButton(cell, { name, active, paused, role }, on) {
  if (cell.firstChild === null) {
    const button = make("button", { type: "button", className: "quiet" });
    button.addEventListener("click", () => (button.dataset.action === "resume" ? on.resume : on.pause)(name));
    cell.append(button);
  }
  const button = cell.firstChild;
  const action = paused !== null && paused !== undefined ? "resume" : "pause";
  button.dataset.action = action;
  button.hidden = !active || role !== "annotator";
  setText(button, t(`admin.${action}`));
  button.ariaLabel = `${t(`admin.${action}`)}: ${name}`;
}

function agreementTable() {
  return table("agreement", [
    text(t("feedback.criterion"), ({ criterion }) => criterion),
    { title: t("admin.alpha"), fill: fillAlpha },
    numeric(t("admin.items"), ({ items }) => number(items ?? 0)),
    text(t("admin.remark"), ({ note }) => note ?? ""),
  ], ({ criterion }) => criterion);
}

/** Alpha and its interval on a line from 0 to 1: below 0 is worse than chance and drawn at 0. */
function fillAlpha(cell, { alpha, low, high }) {
  const isKnown = alpha !== null && alpha !== undefined;
  if (cell.firstChild === null) {
    cell.className = "bar-cell";
    cell.append(make("span", { className: "range" }, make("i"), make("b")), make("span", { className: "words" }));
  }
  const [range, words] = cell.children;
  range.hidden = !isKnown;
  if (!isKnown) return setText(words, "–");
  const [from, to, at] = [low ?? alpha, high ?? alpha, alpha].map((value) => 100 * Math.min(Math.max(value, 0), 1));
  range.firstChild.style.left = `${from}%`;
  range.firstChild.style.width = `${to - from}%`;
  range.lastChild.style.left = `${at}%`;
  const interval = low === null || low === undefined ? "" : ` [${number(low, 2, 2)}, ${number(high, 2, 2)}]`;
  return setText(words, `${number(alpha, 2, 2)}${interval}`);
}

function time(at) {
  return at ? new Date(at).toLocaleString(currentLanguage(), { dateStyle: "short", timeStyle: "medium" }) : "";
}
