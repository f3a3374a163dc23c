// The image grids: a page of prompts at a time, built from window.GALLERY (see nami_bench/report/gallery.py).
// Every text is set as text, never as markup.
"use strict";

(function () {
  const data = window.GALLERY;
  const root = document.getElementById("gallery");
  if (!data || !root) return;

  const controls = {
    blind: document.getElementById("gallery-blind"),
    group: document.getElementById("gallery-group"),
    order: document.getElementById("gallery-order"),
    find: document.getElementById("gallery-find"),
  };
  const PER_PAGE = 10;
  let page = 0;
  let salt = 0;

  function element(name, properties, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }

  // A shuffle that stays the same while one looks, and is another one each time that names are hidden.
  function shuffled(images, promptId) {
    let state = salt;
    for (const character of promptId) state = (Math.imul(state, 31) + character.codePointAt(0)) >>> 0;
    const random = () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    };
    const result = images.slice();
    for (let last = result.length - 1; last > 0; last--) {
      const other = Math.floor(random() * (last + 1));
      [result[last], result[other]] = [result[other], result[last]];
    }
    return result;
  }

  function chosen() {
    const words = controls.find.value.trim().toLowerCase();
    const group = controls.group.value;
    const found = data.prompts.filter((prompt) =>
      (!group || prompt.groups.includes(group)) &&
      (!words || prompt.text.toLowerCase().includes(words) || prompt.id === words));
    if (controls.order.value === "spread") found.sort((a, b) => (b.spread ?? -1) - (a.spread ?? -1));
    return found;
  }

  function figure(image, position, blind) {
    const name = blind ? "image " + String.fromCharCode(65 + position) : data.models[image.model];
    const several = image.sample > 0 ? " #" + (image.sample + 1) : "";
    const caption = element("figcaption", {}, element("span", { className: "model", textContent: name + (blind ? "" : several) }));
    if (!blind) {
      for (const [label, value] of image.scores) {
        caption.append(element("span", { className: "score" }, label + " ", element("b", { textContent: value })));
      }
    }
    const picture = image.file
      ? element("img", { src: image.file, loading: "lazy", decoding: "async", alt: name })
      : element("div", { className: "missing", textContent: blind ? "no image" : "no image: " + image.missing });
    return element("figure", {}, picture, caption);
  }

  function show() {
    const blind = controls.blind.checked;
    const found = chosen();
    const pages = Math.max(1, Math.ceil(found.length / PER_PAGE));
    page = Math.min(page, pages - 1);
    const blocks = found.slice(page * PER_PAGE, (page + 1) * PER_PAGE).map((prompt) => {
      const images = blind ? shuffled(prompt.images, prompt.id) : prompt.images;
      return element("article", { className: "prompt" },
        element("p", {},
          element("span", { className: "id", textContent: prompt.id + " " }),
          element("span", { textContent: prompt.text + " " }),
          ...(prompt.original ? [element("span", { className: "quiet", textContent: "rewritten from: " + prompt.original + " " })] : []),
          ...prompt.groups.map((group) => element("span", { className: "tag", textContent: group.replaceAll("_", " ") }))),
        element("div", { className: "images" }, ...images.map((image, i) => figure(image, i, blind))));
    });
    root.replaceChildren(...(blocks.length ? blocks : [element("p", { className: "quiet", textContent: "No prompt matches." })]));
    for (const bar of document.querySelectorAll(".pager")) {
      const turn = (text, label, to, usable) => {
        const button = element("button", { type: "button", textContent: text, disabled: !usable });
        button.setAttribute("aria-label", label);
        button.addEventListener("click", () => { page = to; show(); document.getElementById("images").scrollIntoView(); });
        return button;
      };
      bar.replaceChildren(
        turn("‹", "previous page", page - 1, page > 0),
        element("span", { textContent: `page ${page + 1} of ${pages}, ${found.length} prompts` }),
        turn("›", "next page", page + 1, page < pages - 1));
    }
  }

  for (const group of [...new Set(data.prompts.flatMap((prompt) => prompt.groups))]) {
    controls.group.append(element("option", { value: group, textContent: group.replaceAll("_", " ") }));
  }
  controls.blind.addEventListener("change", () => { salt = Math.floor(Math.random() * 4294967296); show(); });
  for (const control of [controls.group, controls.order, controls.find]) {
    control.addEventListener("input", () => { page = 0; show(); });
  }
  document.getElementById("gallery-controls").hidden = false;
  show();
})();
