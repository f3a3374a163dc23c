// Models beside each other, with the tests of all pairs that were worked out when the site was built.

import { element, loadData, make } from "./dom.js";
import { shown, shownInterval, shownP, signed } from "./numbers.js";

/** Show the chosen models in a view, on a part of the prompts; nothing for fewer than two. */
export function showComparison(place, board, view, at, part, models, clear) {
  const hint = element("comparison-hint");
  hint.hidden = models.length > 1;
  place.hidden = models.length < 2;
  if (models.length < 2) {
    place.replaceChildren();
    return;
  }
  const close = make("button", { type: "button" }, "clear");
  close.addEventListener("click", clear);
  const where = board.parts[part].kind ? ` on ${board.parts[part].kind} ${board.parts[part].name}` : "";
  const tests = make("div", { class: "frame", tabIndex: 0, role: "region", "aria-label": "tests of pairs" }, make("p", { class: "quiet" }, "loading the tests …"));
  place.replaceChildren(
    make("h2", {}, `${models.length} models compared${where} `, close),
    make("div", { class: "frame", tabIndex: 0, role: "region", "aria-label": "scores of the chosen models" }, scores(board, view, part, models)),
    make("h3", {}, `Differences in ${view.columns[at].title}`),
    tests,
  );
  loadData(board.pairs.name, board.pairs.address).then(
    (pairs) => tests.replaceChildren(testTable(board, view, at, pairs[view.key]?.[at]?.[part] ?? [], models)),
    () => tests.replaceChildren(make("p", {}, "The tests could not be loaded: is the site's folder data beside this page?")),
  );
}

function scores(board, view, part, models) {
  const head = make("tr", {}, make("th", { scope: "col", class: "name" }, "score"), ...models.map((model) => make("th", { scope: "col", class: "number" }, board.models[model].name)));
  const rows = view.columns.map((column, number) => {
    const cells = models.map((model) => view.scored[number][part]?.cells[model]);
    return make(
      "tr",
      {},
      make("th", { scope: "row", class: "name" }, column.title),
      ...cells.map((cell) => {
        const interval = shownInterval(cell, column.decimals);
        return make("td", { class: "number" }, shown(cell?.[0], column.decimals), interval ? make("span", { class: "interval" }, interval) : "");
      }),
    );
  });
  return make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows));
}

function testTable(board, view, at, pairs, models) {
  const chosen = new Set(models);
  const own = pairs.filter(([first, second]) => chosen.has(first) && chosen.has(second));
  if (!own.length) return make("p", { class: "quiet" }, "No test was worked out for this column here: compare the intervals, which say less than a paired test.");
  const { decimals } = view.columns[at];
  const head = ["pair", "difference", "interval", "p", "p, corrected", "images", "in words"].map((title, number) =>
    make("th", { scope: "col", class: number && number < 6 ? "number" : "name" }, title),
  );
  const rows = own.map(([first, second, difference, low, high, p, adjusted, significant, images, reason]) => {
    const names = [board.models[first].name, board.models[second].name];
    return make(
      "tr",
      {},
      make("th", { scope: "row", class: "name" }, `${names[0]} − ${names[1]}`),
      make("td", { class: "number" }, signed(difference, decimals)),
      make("td", { class: "number" }, low == null ? "–" : `${signed(low, decimals)} to ${signed(high, decimals)}`),
      make("td", { class: "number" }, shownP(p)),
      make("td", { class: "number" }, shownP(adjusted)),
      make("td", { class: "number" }, String(images)),
      make("td", { class: "words" }, inWords(names, significant, difference, reason)),
    );
  });
  const note = `The interval is of the pair alone, at ${+(100 * view.level).toFixed(4)} %; p is corrected for all pairs of the board (tests: ${view.tests}).`;
  return make("div", {}, make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)), make("p", { class: "quiet" }, note));
}

function inWords(names, significant, difference, reason) {
  const [better, other] = difference > 0 ? names : [...names].reverse();
  if (difference == null) return `cannot be compared: ${reason ?? "no test"}`;
  if (significant) return `${better} is better than ${other}`;
  return reason ? `not told apart: ${reason}` : "not told apart";
}
