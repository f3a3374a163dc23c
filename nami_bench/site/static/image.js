// One image with everything about it, in a window above its prompt's page: it has an address of its own.

import { draw, make } from "./dom.js";
import { shown } from "./numbers.js";

const HUES = 6;

/** Show an image in the window, or close that; `go(image or null)` is called when the reader turns or closes. */
export function showImage(dialog, prompt, image, among, go) {
  if (!image) {
    if (dialog.open) dialog.close();
    return;
  }
  const name = `${prompt.models[image.model].name} ${image.sample + 1}`;
  const at = among.indexOf(image);
  const before = among[at - 1];
  const after = at >= 0 ? among[at + 1] : among[0];
  dialog.replaceChildren(
    make(
      "header",
      {},
      make("h2", {}, make("a", { href: `../../${prompt.models[image.model].page}` }, prompt.models[image.model].name), ` image ${image.sample + 1}`),
      make("div", { class: "steps" }, turn("←", "previous image", before, go), turn("→", "next image", after, go), turn("close", `close ${name}`, null, go, true)),
    ),
    make("div", { class: "one" }, picture(image, name), make("div", { class: "about" }, ...ratings(prompt, image), ...marked(image), ...comments(image), ...image.scores.flatMap((score) => metric(prompt, score)), ...origin(image))),
  );
  dialog.onkeydown = (event) => {
    if (event.target.matches("select")) return;
    if (event.key === "ArrowLeft" && before) go(before);
    if (event.key === "ArrowRight" && after) go(after);
  };
  dialog.oncancel = (event) => {
    event.preventDefault();
    go(null);
  };
  if (!dialog.open) dialog.showModal();
}

function turn(text, label, image, go, isClose = false) {
  const made = make("button", { type: "button", "aria-label": label, disabled: !image && !isClose }, text);
  made.addEventListener("click", () => go(image ?? null));
  return made;
}

function picture(image, name) {
  if (!image.thumbnail) return make("p", { class: "lost" }, image.missing);
  const boxes = image.scores.flatMap(([, , , details]) => details.boxes ?? []);
  const shownImage = make("img", { src: `../../${image.large}`, alt: `image by ${name}`, width: image.width, height: image.height });
  const layer = draw("svg", { class: "boxes", viewBox: `0 0 ${image.width} ${image.height}`, "aria-hidden": "true" }, ...boxes.flatMap((box, at) => boxMarks(box, at, image)));
  const marks = (image.marks ?? []).flatMap(([, regions]) => regions);
  const people = draw("svg", { class: "boxes marks", viewBox: `0 0 ${image.width} ${image.height}`, "aria-hidden": "true" }, ...marks.flatMap((region) => markedRegion(region, image)));
  return make(
    "div",
    { class: "picture" },
    make("div", { class: "layers" }, shownImage, ...(boxes.length ? [layer] : []), ...(marks.length ? [people] : [])),
    ...(boxes.length ? [switched(layer, `what the detector found (${boxes.length})`)] : []),
    ...(marks.length ? [switched(people, `what people marked (${marks.length})`)] : []),
  );
}

/** A box to tick that shows a layer, or hides it. */
function switched(layer, words) {
  const toggle = make("input", { type: "checkbox", checked: true });
  toggle.addEventListener("change", () => layer.classList.toggle("off", !toggle.checked));
  return make("label", { class: "small" }, toggle, ` ${words}`);
}

/** A point or a box that somebody marked, in shares of the image. */
function markedRegion([kind, x, y, w, h], image) {
  const size = Math.max(image.width, image.height) / 34;
  const [left, top] = [x * image.width, y * image.height];
  const place = w == null ? draw("circle", { class: "mark", cx: left, cy: top, r: size / 2, "stroke-width": size / 6 }) : draw("rect", { class: "mark", x: left, y: top, width: w * image.width, height: h * image.height, "stroke-width": size / 6 });
  return [place, draw("text", { class: "mark-name", x: left + size, y: Math.max(top, size), "font-size": size * 0.8 }, kind)];
}

function boxMarks([name, left, top, right, bottom, score], at, image) {
  const size = Math.max(image.width, image.height) / 34;
  return [
    draw("rect", { class: `box hue-${at % HUES}`, x: left, y: top, width: Math.max(right - left, 1), height: Math.max(bottom - top, 1), "stroke-width": size / 5 }),
    draw("text", { class: `box-name hue-${at % HUES}`, x: left + size / 4, y: Math.max(top - size / 3, size), "font-size": size }, `${name} ${shown(score, 2)}`),
  ];
}

/** What people marked, in words. */
function marked(image) {
  if (!image.marks) return [];
  const lines = image.marks.map(([rater, regions, words]) => {
    const kinds = regions.map(([kind]) => kind).join(", ");
    const said = [kinds, words.length ? `words: ${words.join(", ")}` : ""].filter(Boolean).join("; ");
    return make("li", {}, make("b", {}, rater), ` ${said}`);
  });
  return [make("h3", {}, "Marks"), make("ul", {}, ...lines)];
}

function ratings(prompt, image) {
  if (!image.ratings.length) return [];
  const names = prompt.criteria.filter((_, at) => image.means[at] != null || image.ratings.some(([, given]) => given[at] != null));
  const head = make("tr", {}, make("th", { scope: "col", class: "text" }, "rater"), ...names.map((name) => make("th", { scope: "col" }, prompt.asked ? `question ${name}` : name)));
  const rows = image.ratings.map(([rater, given]) => make("tr", {}, make("th", { scope: "row", class: "text" }, rater), ...names.map((_, at) => make("td", {}, prompt.asked ? answered(given[at]) : rated(given[at])))));
  const means = make("tr", { class: "mean" }, make("th", { scope: "row", class: "text" }, prompt.asked ? "share of yes" : "mean"), ...names.map((_, at) => make("td", {}, image.means[at] == null ? "–" : shown(image.means[at], 1))));
  const [title, decimals, isPeoples] = prompt.value;
  const total = image.value == null || !isPeoples ? [] : [make("p", {}, `${title} `, make("b", {}, shown(image.value, decimals)))];
  return [make("h3", {}, prompt.asked ? "People's answers" : "Ratings"), ...total, make("div", { class: "frame", tabIndex: 0, role: "region", "aria-label": "ratings" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows, means)))];
}

function answered(value) {
  return value === 1 ? "yes" : value === 0 ? "no" : rated(value);
}

function rated(value) {
  if (value == null) return "–";
  return typeof value === "number" ? String(+value.toFixed(2)) : value;
}

function comments(image) {
  if (!image.comments) return [];
  return [make("h3", {}, "Comments"), ...image.comments.map(([rater, text]) => make("p", {}, make("b", {}, rater), ` ${text}`))];
}

function metric(prompt, [number, value, reason, details]) {
  const { metric: name, instrument } = prompt.metrics[number];
  const parts = [make("h3", {}, `${name} `, make("b", {}, value == null ? "no value" : String(+value.toPrecision(6)))), make("p", { class: "quiet small" }, `by ${instrument}`)];
  if (reason) parts.push(make("p", {}, reason));
  if (details.violated) parts.push(make("ul", {}, ...details.violated.map((line) => make("li", {}, line))));
  if (details.boxes) parts.push(make("p", { class: "small" }, details.boxes.length ? details.boxes.map(([of, , , , , score]) => `${of} ${shown(score, 2)}`).join(", ") : "nothing was found"));
  if (details.answers) parts.push(tree(prompt.questions[details.questions], details.answers));
  for (const [key, one] of Object.entries(details.more ?? {})) parts.push(make("p", { class: "small" }, `${key.replaceAll("_", " ")}: ${one}`));
  return parts;
}

/** Questions, each below what it depends on, with the judge's answers. */
function tree(asked, answers) {
  const lines = asked.map(([depth, id, text, category, expected], at) => {
    const [answer, probability, score, zeroed] = answers[at];
    const isRight = score >= 0.5;
    const mark = zeroed != null ? "○" : isRight ? "✓" : "✗";
    const why = zeroed != null ? `; not counted: question ${zeroed} is wrong` : "";
    const chance = probability == null ? "" : ` (${shown(probability, 2)})`;
    const wanted = expected && expected !== "yes" ? `, expected ${expected}` : "";
    return make("li", { class: `depth-${Math.min(depth, 4)}` }, make("span", { class: zeroed == null && isRight ? "right" : "wrong" }, mark), ` ${id}. ${text} `, make("b", {}, answer), `${chance}${wanted}`, make("span", { class: "quiet small" }, ` ${category}${why}`));
  });
  return make("ul", { class: "tree" }, ...lines);
}

function origin(image) {
  const facts = [image.width && `${image.width} × ${image.height} pixels`, image.seed != null && `seed ${image.seed}`, image.sha256 && `sha256 ${image.sha256}`].filter(Boolean);
  return facts.length ? [make("h3", {}, "File"), make("p", { class: "quiet small hash" }, facts.join(", "))] : [];
}
