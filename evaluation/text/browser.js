// Images with the lines that were read in them, and what was to be read.
"use strict";

(function () {
  const { data: rows, make, notFound, offer, show } = window.browserPage;

  function box([text, score, corners], scale) {
    if (!corners) return [];
    const left = Math.min(...corners.map(([x]) => x));
    const top = Math.min(...corners.map(([, y]) => y));
    const said = score === null ? text : `${text} ${score.toFixed(2)}`;
    const label = make("text", { x: left, y: Math.max(top - 3 * scale, 12 * scale) }, said);
    label.style.fontSize = 12 * scale + "px";
    label.style.strokeWidth = 3 * scale + "px";
    return [make("polygon", { class: "box", points: corners.map((corner) => corner.join(",")).join(" ") }), label];
  }

  function picture(row, points) {
    if (!row.image) return notFound();
    const { image, width, height } = row;
    const shape = { class: "picture", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": row.prompt };
    const svg = make("svg", shape, make("image", { href: image, width, height }));
    const scale = Math.max(width, height) / points;
    for (const line of row.read) svg.append(...box(line, scale));
    return make("figure", {}, svg);
  }

  // In which of the filter's lists a row belongs.
  function kind(row) {
    if (row.value === null) return "not scored";
    return row.missing.length ? "not all read" : "all read";
  }

  function words(row) {
    const list = make("dl", {},
      make("dt", {}, "to read"), make("dd", {}, row.targets.join("\n")),
      make("dt", {}, "read"), make("dd", {}, row.read.map(([text]) => text).join("\n") || "nothing"));
    if (row.missing.length) list.append(make("dt", {}, "not read"), make("dd", { class: "bad" }, row.missing.join(", ")));
    if (row.reason) list.append(make("dt", {}, "reason"), make("dd", { class: "bad" }, row.reason));
    const whole = kind(row) === "all read";
    const value = make("b", { class: whole ? "good" : "bad" }, row.value === null ? "no value" : `${whole ? "✓" : "✗"} ${row.value}`);
    return make("div", { class: "text" }, make("p", { class: "prompt" }, row.prompt),
      make("p", { class: "meta" }, value, ` · ${row.model} · ${row.place}`), list);
  }

  const boxes = document.getElementById("boxes");
  boxes.addEventListener("change", () => document.body.classList.toggle("no-boxes", !boxes.checked));
  offer("model", rows.map((row) => row.model));
  show({
    select: ({ model, text, search }) => rows.filter((row) => (!model || row.model === model)
      && (!text || kind(row) === text)
      && [row.prompt, ...row.targets, ...row.read.map(([line]) => line)].some((part) => part.toLowerCase().includes(search))),
    card: (row) => [picture(row, 400), words(row)],
    large: (row) => [picture(row, 800), words(row)],
    count: (shown) => `${shown.length} of ${rows.length} images, ${shown.filter((row) => kind(row) === "all read").length} with all their text`,
    keys: { b: () => boxes.click() },
  });
})();
