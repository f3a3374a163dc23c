// GenEval's images with boxes and masks, what was asked and what was found.
"use strict";

(function () {
  const { data: rows, make, notFound, offer, show } = window.browserPage;
  const COLORS = ["#ff4d4d", "#3fa7ff", "#ffd23f", "#4ddb80", "#ff8ad8", "#ff9a3c", "#b28dff", "#35e0d8"];
  let serial = 0;

  // Stripes leave the object's own color to be seen, which the verdict may be about.
  function stripes(color, scale) {
    const id = `stripes-${serial++}`;
    const side = 7 * scale;
    const units = { patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" };
    const stripe = make("rect", { width: side / 3.5, height: side, fill: color });
    return [make("pattern", { id, width: side, height: side, ...units }, stripe), `url(#${id})`];
  }

  function mask(one, color, scale) {
    const [left, top, right, bottom] = one.box;
    const x = Math.floor(left);
    const y = Math.floor(top);
    const width = Math.max(1, Math.ceil(right) - x);
    const place = { x, y, width, height: Math.max(1, Math.ceil(bottom) - y) };
    const id = `mask-${serial++}`;
    const href = "data:image/png;base64," + one.mask;
    const [pattern, fill] = stripes(color, scale);
    return [
      make("mask", { id }, make("image", { href, preserveAspectRatio: "none", ...place })),
      pattern,
      make("rect", { class: "mask", fill, mask: `url(#${id})`, ...place }),
    ];
  }

  function box(one, color, scale) {
    const [left, top, right, bottom] = one.box;
    const size = { width: Math.max(0, right - left), height: Math.max(0, bottom - top) };
    const place = { x: left + 3 * scale, y: Math.max(top + 13 * scale, 13 * scale) };
    const label = make("text", place, `${one.name} ${one.score.toFixed(2)}`);
    label.style.fontSize = 12 * scale + "px";
    label.style.strokeWidth = 3 * scale + "px";
    return [make("rect", { class: "box", x: left, y: top, ...size, stroke: color }), label];
  }

  function picture(row, points) {
    if (!row.image) return notFound();
    const { image, width, height } = row;
    const shape = { class: "picture", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": row.prompt };
    const svg = make("svg", shape, make("image", { href: image, width, height }));
    const names = [...new Set(row.found.map((one) => one.name))];
    const scale = Math.max(width, height) / points;
    for (const one of row.found) {
      const color = COLORS[names.indexOf(one.name) % COLORS.length];
      svg.append(...(one.mask ? mask(one, color, scale) : []), ...box(one, color, scale));
    }
    return make("figure", {}, svg);
  }

  function words(row) {
    const counts = new Map();
    for (const one of row.found) counts.set(one.name, [...(counts.get(one.name) || []), one.score.toFixed(2)]);
    const found = [...counts].map(([name, scores]) => `${scores.length} × ${name} (${scores.join(", ")})`);
    const list = make("dl", {}, make("dt", {}, "expected"), make("dd", {}, row.expected.join("; ") || "nothing"),
      make("dt", {}, "found"), make("dd", {}, found.join("; ") || "nothing"));
    if (row.original) list.append(make("dt", {}, "rewritten from"), make("dd", {}, row.original));
    if (row.reasons.length) list.append(make("dt", {}, "reason"), make("dd", { class: "bad" }, row.reasons.join("; ")));
    const verdict = make("b", { class: row.correct ? "good" : "bad" }, row.correct ? "✓ correct" : "✗ wrong");
    return make("div", { class: "text" }, make("p", { class: "prompt" }, row.prompt),
      make("p", { class: "meta" }, verdict, ` · ${row.task} · ${row.place}`), list);
  }

  for (const name of ["boxes", "masks"]) {
    const control = document.getElementById(name);
    control.addEventListener("change", () => document.body.classList.toggle("no-" + name, !control.checked));
  }
  offer("task", rows.map((row) => row.task));
  offer("reason", rows.flatMap((row) => row.kinds));
  show({
    select: ({ task, verdict, reason, search }) => rows.filter((row) => (!task || row.task === task)
      && (!verdict || row.correct === (verdict === "correct"))
      && (!reason || row.kinds.includes(reason)) && row.prompt.toLowerCase().includes(search)),
    card: (row) => [picture(row, 400), words(row)],
    large: (row) => [picture(row, 800), words(row)],
    count: (shown) => `${shown.length} of ${rows.length} images, ${shown.filter((row) => row.correct).length} correct`,
    keys: {
      b: () => document.getElementById("boxes").click(),
      m: () => document.getElementById("masks").click(),
    },
  });
})();
