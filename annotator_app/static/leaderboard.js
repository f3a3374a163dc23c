// A leaderboard, read out of the page that NAMI-Bench writes: its tables and notes, as text.
//
// Taken over as text it follows this page's colors, and can bring no style or script of its own.

import { make } from "./dom.js";

/** What to show of the leaderboard page `html`: headings, tables, notes. */
export function leaderboardIn(html) {
  // Even a page that is only parsed may have no style of its own under our Content-Security-Policy.
  const bare = html.replace(/<style[^]*?<\/style>/g, "").replace(/ style="[^"]*"/g, "");
  const page = new DOMParser().parseFromString(bare, "text/html");
  const wanted = page.querySelectorAll("main .notice, main h2, main table, main .gaps li, main footer p");
  return [...wanted].map((element) => {
    if (element.tagName === "TABLE") return make("div", { className: "board", tabIndex: 0 }, copied(element));
    if (element.tagName === "H2") return make("h3", { textContent: words(element) });
    return make("p", { className: "quiet-text", textContent: words(element) });
  });
}

function copied(table) {
  const rows = [...table.rows].map((row) => make("tr", {}, ...[...row.cells].map(copiedCell)));
  const head = rows.slice(0, table.tHead?.rows.length ?? 0);
  return make("table", {}, make("thead", {}, ...head), make("tbody", {}, ...rows.slice(head.length)));
}

function copiedCell(cell) {
  const isHead = cell.tagName === "TH";
  return make(isHead ? "th" : "td", { textContent: words(cell), ...(isHead ? { scope: cell.scope } : {}) });
}

function words(element) {
  const parts = [...element.childNodes].map((node) => node.textContent.trim());
  return parts.filter(Boolean).join(" ");
}
