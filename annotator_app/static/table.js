// Tables that are refreshed in place: rows keep their elements, cells change only where they differ.

import { make, setText } from "./dom.js";

export class Table {
  #columns;
  #keyOf;
  #rows = new Map();
  #body = make("tbody");

  /**
   * `columns`: [{title, fill(cell, row), numeric}]; `keyOf(row)` tells rows apart. The table goes
   * into `element`; `empty` is said where there are no rows.
   */
  constructor(element, columns, keyOf, empty) {
    this.#columns = columns;
    this.#keyOf = keyOf;
    this.element = element;
    this.none = make("p", { className: "quiet-text", textContent: empty });
    const head = columns.map((column) => make("th", { scope: "col", textContent: column.title, className: classOf(column) }));
    this.table = make("table", {}, make("thead", {}, make("tr", {}, ...head)), this.#body);
    element.replaceChildren(make("div", { className: "scrolls", tabIndex: 0, role: "group", "aria-label": element.dataset.name ?? "" }, this.table), this.none);
  }

  update(rows) {
    this.none.hidden = rows.length > 0;
    this.table.hidden = rows.length === 0;
    const before = this.#rows;
    this.#rows = new Map(rows.map((row) => [this.#keyOf(row), before.get(this.#keyOf(row)) ?? this.#newRow()]));
    rows.forEach((row) => this.#fill(this.#rows.get(this.#keyOf(row)), row));
    const wanted = [...this.#rows.values()];
    if (wanted.length !== this.#body.children.length || wanted.some((one, i) => one !== this.#body.children[i])) {
      this.#body.replaceChildren(...wanted);
    }
  }

  #newRow() {
    return make("tr", {}, ...this.#columns.map((column, i) =>
      make(i === 0 ? "th" : "td", { className: classOf(column), ...(i === 0 ? { scope: "row" } : {}) })));
  }

  #fill(element, row) {
    this.#columns.forEach(({ fill }, i) => fill(element.children[i], row));
  }
}

function classOf(column) {
  return column.numeric ? "numeric" : "";
}

/** A column of plain text. */
export function text(title, of) {
  return { title, fill: (cell, row) => setText(cell, of(row) ?? "–") };
}

/** A column of numbers. */
export function numeric(title, of) {
  return { ...text(title, of), numeric: true };
}

/** A column with a bar from 0 to 1 and words beside it. */
export function bar(title, share, words) {
  return {
    title,
    fill(cell, row) {
      if (cell.firstChild === null) {
        cell.className = "bar-cell";
        cell.append(make("span", { className: "meter" }, make("i")), make("span", { className: "words" }));
      }
      const width = `${(100 * Math.min(Math.max(share(row), 0), 1)).toFixed(1)}%`;
      const fill = cell.querySelector("i");
      if (fill.style.width !== width) fill.style.width = width;
      setText(cell.querySelector(".words"), words(row));
    },
  };
}
