// The Board: which scores, on which prompts, of which models, in which order; and models beside each other.

import { showComparison } from "./compare.js";
import { element, first, make, pageData } from "./dom.js";
import { shown, shownInterval, shownSize } from "./numbers.js";
import { rail, railRange } from "./rails.js";
import { inSize, ranked } from "./ranking.js";
import { keepState, readState } from "./state.js";

const STAR = "★";

/** Make the page's table answer to its controls. */
export function startBoard() {
  const board = pageData("board-data");
  if (!board) return;
  const form = element("board-controls");
  const usual = { view: board.views[0].key, part: "all", by: "", size: "", find: "", models: "" };
  let state = { ...usual, ...readState(location.hash) };

  const refresh = () => {
    const view = board.views.find((one) => one.key === state.view) ?? board.views[0];
    const at = Math.max(view.columns.findIndex((column) => column.key === state.by), 0);
    const part = partOf(board, view, at, state.part);
    fill(form, board, view, at, part, state);
    showTable(board, view, at, part, state, { sortBy: (key) => change({ by: key }), pick });
    showComparison(element("comparison"), board, view, at, part, picked(state, board), () => change({ models: "" }));
  };
  const change = (changed) => {
    state = { ...state, ...changed };
    const view = board.views.find((one) => one.key === state.view) ?? board.views[0];
    keepState({ ...state, by: state.by === view.columns[0].key ? "" : state.by }, usual);
    refresh();
  };
  const pick = (model, on) => {
    const now = new Set(picked(state, board));
    if (on) now.add(model);
    else now.delete(model);
    change({ models: [...now].map((one) => board.models[one].name).join(",") });
    first(`#board input[value="${model}"]`)?.focus();
  };
  form.addEventListener("input", (event) => {
    /** @type {any} */
    const control = event.target;
    change(control.name === "view" ? { view: control.value, by: "" } : { [control.name]: control.value });
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    change({ ...usual });
  });
  window.addEventListener("hashchange", () => {
    state = { ...usual, ...readState(location.hash) };
    refresh();
  });
  form.hidden = false;
  refresh();
}

/** The chosen models' numbers. */
function picked(state, board) {
  const names = new Set(state.models.split(",").filter(Boolean));
  return board.models.map((_, at) => at).filter((at) => names.has(board.models[at].name));
}

/** The chosen part's number, else all prompts, where the column has nothing on it. */
function partOf(board, view, at, key) {
  const part = board.parts.findIndex((one) => one.key === key);
  return part > 0 && view.scored[at][part] ? part : 0;
}

function fill(form, board, view, at, part, state) {
  const { view: views, part: parts, by, size, find } = form.elements;
  views.replaceChildren(...board.views.map((one) => new Option(one.title, one.key, false, one === view)));
  by.replaceChildren(...view.columns.map((one, number) => new Option(one.title, one.key, false, number === at)));
  const groups = new Map();
  board.parts.forEach((one, number) => {
    const option = new Option(one.kind ? `${one.name} (${one.prompts})` : `all prompts (${one.prompts})`, one.key, false, number === part);
    option.disabled = !view.scored[at][number];
    if (!one.kind) groups.set(one.kind, option);
    else {
      if (!groups.has(one.kind)) groups.set(one.kind, make("optgroup", { label: one.kind }));
      groups.get(one.kind).append(option);
    }
  });
  parts.replaceChildren(...groups.values());
  size.closest("label").hidden = !board.models.some((model) => model.parameters);
  if (size.value !== state.size) size.value = state.size;
  if (find.value !== state.find) find.value = state.find;
}

function showTable(board, view, at, part, state, act) {
  const column = view.columns[at];
  const scored = view.scored[at][part];
  const among = board.models.map((_, number) => number).filter((number) => isWanted(board.models[number], state));
  const rows = ranked(scored?.cells ?? [], column, among);
  const range = railRange(scored?.cells ?? [], column.limits);
  const table = element("board");
  const tested = (scored?.places ?? []).some(Boolean);
  table.tHead.replaceChildren(head(view, at, range, tested, act.sortBy));
  const chosen = new Set(picked(state, board));
  table.tBodies[0].replaceChildren(...rows.map(([model, place]) => row({ board, view, at, part, model, place, range, tested, chosen, act })));
  const where = board.parts[part].kind ? ` on ${board.parts[part].kind} ${board.parts[part].name}` : "";
  element("board-caption").textContent = `${view.title} by ${column.title}${where}`;
  element("board-note").textContent = [view.note, column.about && `${column.title}: ${column.about}.`, tested && places(view)].filter(Boolean).join(" ");
  const said = rows.length === board.models.length ? `${rows.length} models` : `${rows.length} of ${board.models.length} models`;
  element("board-count").textContent = said;
}

function places(view) {
  return `Places: those that a model may have, for all models at once. Models that share a letter do not differ significantly, which does not mean that they are equally good (tests: ${view.tests}).`;
}

function isWanted(model, state) {
  return inSize(model.parameters, state.size) && model.name.toLowerCase().includes(state.find.trim().toLowerCase());
}

function head(view, at, range, tested, sortBy) {
  const ends = range ? `${shown(range[0], view.columns[at].decimals)} … ${shown(range[1], view.columns[at].decimals)}` : "";
  return make(
    "tr",
    {},
    make("th", { scope: "col", class: "rank" }, "#"),
    make("th", { scope: "col", class: "name" }, "model"),
    make("th", { scope: "col", class: "drawn" }, make("span", { class: "unseen" }, `${view.columns[at].title} drawn from `), ends),
    ...(tested ? [make("th", { scope: "col", class: "places" }, "places"), make("th", { scope: "col", class: "ties" }, "ties")] : []),
    ...view.columns.map((column, number) => columnHead(column, number === at, sortBy)),
    make("th", { scope: "col", class: "pick" }, "compare"),
  );
}

function columnHead(column, isLead, sortBy) {
  const button = make("button", { type: "button", title: column.about || column.title }, column.title, column.lower ? " ↓" : "");
  button.addEventListener("click", () => {
    sortBy(column.key);
    first('#board th[aria-sort] button')?.focus();
  });
  const sorted = isLead ? { "aria-sort": column.lower ? "ascending" : "descending" } : {};
  return make("th", { scope: "col", class: isLead ? "number lead" : "number", ...sorted }, button);
}

function row({ board, view, at, part, model, place, range, tested, chosen, act }) {
  const about = board.models[model];
  const scored = view.scored[at][part];
  const where = scored?.places[model];
  const pick = make("input", { type: "checkbox", value: model, checked: chosen.has(model), "aria-label": `compare ${about.name}` });
  pick.addEventListener("change", () => act.pick(model, pick.checked));
  return make(
    "tr",
    chosen.has(model) ? { class: "chosen" } : {},
    make("td", { class: "rank" }, place == null ? "" : String(place)),
    nameCell(about, view.key === "human"),
    make("td", { class: "drawn" }, rail(scored?.cells[model], range)),
    ...(tested ? [make("td", { class: "places" }, where ? span(where) : ""), make("td", { class: "ties" }, where ? where[2] : "")] : []),
    ...view.columns.map((column, number) => numberCell(column, view.scored[number][part]?.cells[model], number === at)),
    make("td", { class: "pick" }, make("label", {}, pick)),
  );
}

function span([low, high]) {
  return low === high ? String(low) : `${low}–${high}`;
}

function nameCell(about, isHuman) {
  const star = about.gaps.length ? make("a", { class: "star", href: `#gap-${about.file}`, title: about.gaps.join("; ") }, STAR, make("span", { class: "unseen" }, "incomplete")) : "";
  const tag = about.simulated && isHuman ? make("span", { class: "tag" }, "simulated") : "";
  const size = about.parameters ? make("span", { class: "size" }, shownSize(about.parameters)) : "";
  return make("th", { scope: "row", class: "name" }, make("a", { href: about.page }, about.name), " ", star, tag, size);
}

function numberCell(column, cell, isLead) {
  const value = cell?.[0] == null ? "–" : shown(cell[0], column.decimals);
  const interval = shownInterval(cell, column.decimals);
  return make("td", { class: isLead ? "number lead" : "number" }, value, interval ? make("span", { class: "interval" }, interval) : "");
}
