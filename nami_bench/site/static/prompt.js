// A prompt's page: images side by side, without names until the reader has chosen, or asked for them.

import { element, make, pageData } from "./dom.js";
import { showImage } from "./image.js";
import { keep, kept } from "./kept.js";
import { shown } from "./numbers.js";
import { letter, shuffled } from "./shuffle.js";
import { keepState, readState } from "./state.js";

const NO_PREFERENCE = "no preference";
const SALT = "nami-site-order";
const ALWAYS = "nami-site-names";

/** Fill the page of a prompt. */
export function startPrompt() {
  const prompt = pageData("prompt-data");
  if (!prompt) return;
  element("plain").hidden = true;
  const app = element("app");
  const samples = [...new Set(prompt.images.map((image) => image.sample))];
  let state = { sample: "", image: "", ...readState(location.hash) };
  let asked = kept(ALWAYS, false) || Boolean(state.image);

  const sample = () => {
    if (state.sample === "all") return null;
    const wanted = state.sample || state.image.split(".")[1];
    return samples.includes(Number(wanted)) && wanted ? Number(wanted) : samples[0];
  };
  const choice = () => kept(prompt.key, {})[prompt.id];
  const named = () => asked || Boolean(choice());
  const choose = (image) => {
    const choices = kept(prompt.key, {});
    choices[prompt.id] = { choice: image ? prompt.models[image.model].name : NO_PREFERENCE, sample: sample() };
    keep(prompt.key, choices);
    asked = true;
    refresh();
    element("verdict")?.focus();
  };
  const change = (changed) => {
    state = { ...state, ...changed };
    keepState(state, { sample: "", image: "" });
    refresh();
  };
  const undo = () => {
    const choices = kept(prompt.key, {});
    delete choices[prompt.id];
    keep(prompt.key, choices);
    asked = false;
    keep(ALWAYS, false);
    refresh();
  };
  const act = {
    choose,
    undo,
    reveal: (always) => {
      asked = true;
      if (always) keep(ALWAYS, true);
      refresh();
    },
    sample: (value) => change({ sample: value }),
    open: (image) => change({ image: `${image.model}.${image.sample}` }),
  };

  function refresh() {
    const among = prompt.images.filter((image) => sample() == null || image.sample === sample());
    const order = named() ? among : shuffled(among, `${salt()} ${prompt.id} ${sample()}`);
    app.replaceChildren(
      bar(samples, sample(), named(), choice(), act),
      make("div", { class: "grid" }, ...order.map((image, at) => figure(prompt, image, at, named(), choice(), act))),
      ...(named() ? told(prompt, among) : []),
    );
    const opened = prompt.images.find((image) => `${image.model}.${image.sample}` === state.image);
    showImage(element("image"), prompt, opened, among, (image) => change({ image: image ? `${image.model}.${image.sample}` : "" }));
  }
  window.addEventListener("hashchange", () => {
    state = { sample: "", image: "", ...readState(location.hash) };
    asked ||= Boolean(state.image);
    refresh();
  });
  document.addEventListener("keydown", (event) => keys(event, named(), choose));
  refresh();
}

function salt() {
  const known = kept(SALT, "");
  if (known) return known;
  const made = String(Math.random()).slice(2);
  keep(SALT, made);
  return made;
}

/** Letters choose, 0 has no preference, the arrows turn pages; not while something is being typed. */
function keys(event, isNamed, choose) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.matches("input, select, textarea") || element("image").open) return;
  if (event.key === "ArrowLeft") element("before")?.click();
  if (event.key === "ArrowRight") element("after")?.click();
  if (isNamed) return;
  if (event.key === "0") choose(null);
  document.querySelector(`#app button[data-letter="${CSS.escape(event.key.toUpperCase())}"]`)?.dispatchEvent(new Event("click"));
}

function bar(samples, sample, isNamed, choice, act) {
  const parts = [];
  if (samples.length > 1) {
    const select = make("select", { name: "sample" }, ...samples.map((one, at) => new Option(`image ${at + 1} of ${samples.length}`, String(one), false, one === sample)), new Option("all images", "all", false, sample == null));
    select.addEventListener("input", () => act.sample(select.value));
    parts.push(make("label", {}, "of each model", select));
  }
  if (!isNamed) {
    parts.push(button("no preference (0)", () => act.choose(null)), button("show names", () => act.reveal(false)), button("always show names", () => act.reveal(true)));
    return make("div", { class: "asking" }, make("p", { id: "verdict", tabIndex: -1 }, make("strong", {}, "Which do you prefer?"), " Names and scores are hidden until you choose; your choice stays in this browser."), make("div", { class: "controls" }, ...parts));
  }
  const said = choice ? (choice.choice === NO_PREFERENCE ? "You had no preference." : `You preferred ${choice.choice}.`) : "";
  parts.push(button(choice ? "choose again" : "hide names", act.undo));
  return make("div", { class: "asking" }, make("p", { id: "verdict", tabIndex: -1 }, said ? make("strong", {}, said) : ""), make("div", { class: "controls" }, ...parts));
}

function button(text, act) {
  const made = make("button", { type: "button" }, text);
  made.addEventListener("click", act);
  return made;
}

function figure(prompt, image, at, isNamed, choice, act) {
  const model = prompt.models[image.model];
  const name = isNamed ? model.name : letter(at);
  const picture = image.thumbnail
    ? make("img", { src: root(image.thumbnail), alt: isNamed ? `image ${image.sample + 1} by ${name}` : `image ${name}`, loading: "lazy", width: 256, height: Math.round(256 * ((image.height || 1) / (image.width || 1))) })
    : make("p", { class: "lost" }, isNamed ? image.missing : "no image");
  if (!isNamed) {
    const prefer = button(`prefer ${name}`, () => act.choose(image));
    prefer.dataset.letter = name;
    prefer.disabled = !image.thumbnail;
    return make("figure", {}, picture, make("figcaption", {}, prefer));
  }
  const open = make("button", { type: "button", class: "open", "aria-label": `everything about image ${image.sample + 1} by ${name}` }, picture);
  open.addEventListener("click", () => act.open(image));
  const isChosen = choice?.choice === name;
  return make(
    "figure",
    isChosen ? { class: "preferred" } : {},
    open,
    make(
      "figcaption",
      {},
      make("a", { href: root(model.page) }, name),
      ` ${image.sample + 1} `,
      isChosen ? make("span", { class: "tag" }, "your choice") : "",
      make("div", {}, ...facts(prompt, image).map(([title, value]) => make("span", { class: "fact" }, `${title} `, make("b", {}, value)))),
    ),
  );
}

/** [title, value] pairs: the image's one number, the criteria's means, what metrics gave. */
function facts(prompt, image) {
  const [title, decimals] = prompt.value;
  const found = title && image.value != null ? [[title, shown(image.value, decimals)]] : [];
  const criteria = prompt.criteria.length < 7 && !prompt.asked ? prompt.criteria : [];
  criteria.forEach((name, at) => {
    if (image.means[at] != null && name !== title) found.push([name, shown(image.means[at], image.means[at] < 10 ? 1 : 0)]);
  });
  for (const [metric, value] of image.scores) found.push([prompt.metrics[metric].metric, value == null ? "–" : String(+value.toPrecision(4))]);
  return found;
}

function told(prompt, among) {
  const parts = [];
  if (prompt.verdicts.length) {
    const rows = prompt.verdicts.map(([rater, criterion, sample, words]) => make("tr", {}, make("td", { class: "text" }, rater), make("td", { class: "text" }, criterion), make("td", {}, String(sample + 1)), make("td", { class: "words" }, words)));
    const head = make("tr", {}, ...["rater", "criterion", "image", "verdict"].map((title) => make("th", { scope: "col", class: title === "image" ? "" : "text" }, title)));
    parts.push(make("h2", {}, "Verdicts"), make("div", { class: "frame", tabIndex: 0, role: "region", "aria-label": "verdicts" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows))));
  }
  prompt.questions.forEach((asked, number) => parts.push(...answers(prompt, among, asked, number)));
  return parts;
}

/** The questions of a metric with every shown image's answers side by side. */
function answers(prompt, among, asked, number) {
  const images = among.filter((image) => image.scores.some(([, , , details]) => details.questions === number));
  if (!images.length) return [];
  const scored = images.map((image) => image.scores.find(([, , , details]) => details.questions === number));
  const metric = prompt.metrics[scored[0][0]];
  const head = make("tr", {}, make("th", { scope: "col", class: "name" }, "question"), ...images.map((image) => make("th", { scope: "col" }, `${prompt.models[image.model].name} ${image.sample + 1}`)));
  const rows = asked.map(([depth, , text], at) =>
    make(
      "tr",
      {},
      make("th", { scope: "row", class: `name depth-${Math.min(depth, 4)}` }, text),
      ...scored.map(([, , , details]) => {
        const [answer, , score, zeroed] = details.answers[at];
        return make("td", { class: zeroed == null && score >= 0.5 ? "right" : "wrong" }, `${zeroed != null ? "○" : score >= 0.5 ? "✓" : "✗"} ${answer}`);
      }),
    ),
  );
  return [
    make("h2", {}, `Questions of ${metric.metric}`),
    make("p", { class: "quiet small" }, `Answered by ${metric.instrument}. ○: not counted, for a question that it depends on is answered wrong.`),
    make("div", { class: "frame", tabIndex: 0, role: "region", "aria-label": `answers of ${metric.metric}` }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows))),
  ];
}

/** An address from the site's root, as this page says it. */
export function root(address) {
  return `../../${address}`;
}
