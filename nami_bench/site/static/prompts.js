// The list of prompts: search, parts, order, and what the reader has chosen so far.

import { element, loadData, make, pageData } from "./dom.js";
import { keep, kept, tally } from "./kept.js";
import { keepState, readState } from "./state.js";

const USUAL = { q: "", part: "", order: "", chosen: "" };

/** Make the list answer to its controls. */
export function startPrompts() {
  const data = pageData("prompts-data");
  if (!data) return;
  const list = element("prompts");
  const rows = [...list.children].map((line, number) => ({ line, number, spread: saidNumber(line, "spread"), mean: saidNumber(line, "mean"), text: line.textContent }));
  const form = element("prompts-controls");
  fillParts(form.elements.part, data.parts);
  let state = { ...USUAL, ...Object.fromEntries(new URLSearchParams(location.search)), ...readState(location.hash) };
  let texts = null;

  const refresh = () => {
    for (const [name, value] of Object.entries(state)) if (form.elements[name] && form.elements[name].value !== value) form.elements[name].value = value;
    const part = data.parts.find((one) => one.key === state.part);
    const among = part ? new Set(part.prompts) : null;
    const choices = kept(data.key, {});
    const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = (row) => (!among || among.has(row.number)) && isChosen(choices, row, state.chosen) && words.every((word) => (words.length === 1 && String(row.number + 1) === word) || (texts?.[row.number] ?? row.text).toLowerCase().includes(word));
    let count = 0;
    for (const row of rows) {
      row.line.hidden = !wanted(row);
      count += row.line.hidden ? 0 : 1;
    }
    list.append(...ordered(rows, state.order).map((row) => row.line));
    element("prompts-count").textContent = count === rows.length ? `${count} prompts` : `${count} of ${rows.length} prompts`;
    showModels(data, words);
    showChoices(data, choices, refresh);
  };
  const search = () => {
    if (!state.q || texts) return;
    loadData(data.texts.name, data.texts.address).then((found) => {
      texts = found;
      refresh();
    }, () => {});
  };
  form.addEventListener("input", (event) => {
    state = { ...state, [event.target.name]: event.target.value };
    if (location.search) history.replaceState(null, "", location.pathname);
    keepState(state, USUAL);
    refresh();
    search();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", () => {
    state = { ...USUAL, ...readState(location.hash) };
    refresh();
    search();
  });
  form.hidden = false;
  refresh();
  search();
}

/** The number that a line says under a name; NaN where it says none. */
function saidNumber(line, name) {
  const small = line.querySelector("small").textContent;
  return Number(new RegExp(` ${name} (-?[\\d.]+)`).exec(small)?.[1] ?? NaN);
}

function fillParts(select, parts) {
  const groups = new Map();
  for (const part of parts) {
    if (!groups.has(part.kind)) groups.set(part.kind, make("optgroup", { label: part.kind }));
    groups.get(part.kind).append(new Option(`${part.name.replaceAll("_", " ")} (${part.prompts.length})`, part.key));
  }
  select.append(...groups.values());
}

function isChosen(choices, row, wanted) {
  if (!wanted) return true;
  return Boolean(choices[String(row.number).padStart(5, "0")]) === (wanted === "yes");
}

function ordered(rows, order) {
  const by = { spread: (row) => -row.spread, low: (row) => row.mean, high: (row) => -row.mean }[order];
  if (!by) return rows;
  const known = rows.filter((row) => !Number.isNaN(by(row)));
  return [...known.sort((a, b) => by(a) - by(b) || a.number - b.number), ...rows.filter((row) => Number.isNaN(by(row)))];
}

function showModels(data, words) {
  const found = words.length ? data.models.filter((model) => words.every((word) => model.name.toLowerCase().includes(word))) : [];
  const place = element("models-found");
  place.hidden = !found.length;
  place.replaceChildren("Models: ", ...found.flatMap((model, at) => [at ? ", " : "", make("a", { href: model.page }, model.name)]));
}

function showChoices(data, choices, refresh) {
  const place = element("choices");
  const counts = tally(choices);
  place.hidden = !counts.length;
  if (!counts.length) return;
  const total = Object.keys(choices).length;
  const forget = make("button", { type: "button" }, "forget my choices");
  forget.addEventListener("click", () => {
    keep(data.key, {});
    refresh();
  });
  const said = counts.map(([model, times]) => `${model} ${times}`).join(", ");
  place.replaceChildren(make("p", {}, make("strong", {}, `Your choices on ${total} prompt${total === 1 ? "" : "s"}: `), `${said}. They are kept in this browser alone. `, forget));
}
