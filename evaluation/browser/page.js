// What the pages share: a list of images that grows as it is scrolled, filters that are kept in the address,
// keys, and one image large. Every text is set as text, never as markup.
"use strict";

(function () {
  const AT_ONCE = 48;
  const SVG = ["svg", "rect", "polygon", "text", "image", "mask", "pattern"];
  const $ = (id) => document.getElementById(id);

  function make(tag, attributes, ...children) {
    const node = SVG.includes(tag)
      ? document.createElementNS("http://www.w3.org/2000/svg", tag)
      : document.createElement(tag);
    for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
    node.append(...children);
    return node;
  }

  // What stands where there is no picture.
  function notFound() {
    return make("figure", { class: "missing" }, make("span", { class: "meta" }, "image not found"));
  }

  // Each value once, as an option of the list with this id.
  function offer(id, values) {
    $(id).append(...[...new Set(values)].map((value) => make("option", {}, value)));
  }

  // `select(filters)`: the rows that fit the values of the filters by their ids, in the order to show them in.
  // `card(row)` and `large(row)`: the nodes that show a row. `count(shown)`: what to say of the rows shown.
  // `keys`: what further keys do.
  function show({ select, card, large, count, keys = {} }) {
    const filters = [...document.querySelectorAll("[data-filter]")];
    let shown = [];
    let drawn = 0;
    let current = 0;

    function cardOf(row, index) {
      const node = make("article", { tabindex: 0, "data-index": index }, ...card(row));
      node.addEventListener("click", () => open(index));
      return node;
    }

    function draw() {
      const part = shown.slice(drawn, drawn + AT_ONCE).map((row, offset) => cardOf(row, drawn + offset));
      drawn += part.length;
      $("list").append(...part);
    }

    function filter() {
      const values = Object.fromEntries(filters.map((control) => [control.id, control.value]));
      shown = select({ ...values, search: values.search.trim().toLowerCase() });
      drawn = 0;
      $("list").replaceChildren();
      draw();
      $("none").hidden = shown.length > 0;
      $("count").value = count(shown);
      history.replaceState(null, "", "#" + new URLSearchParams(values));
    }

    function open(index) {
      current = Math.min(Math.max(index, 0), shown.length - 1);
      $("one").replaceChildren(...large(shown[current]));
      $("where").textContent = `${current + 1} of ${shown.length}`;
      if (!$("large").open) $("large").showModal();
      $("large").scrollTop = 0;
    }

    function focusCard(index) {
      while (index >= drawn && drawn < shown.length) draw();
      const node = $("list").querySelector(`[data-index="${Math.max(index, 0)}"]`);
      if (!node) return;
      const header = document.querySelector("header");
      const covered = getComputedStyle(header).position === "sticky" ? header.offsetHeight : 0;
      node.style.scrollMargin = `${covered + 16}px 0 16px`;
      node.focus({ preventScroll: true });
      node.scrollIntoView({ block: node.offsetHeight > innerHeight / 2 ? "start" : "nearest" });
    }

    function step(by) {
      if ($("large").open) return open(current + by);
      const at = document.activeElement.closest("article");
      return focusCard(at ? Number(at.dataset.index) + by : 0);
    }

    const actions = { "/": () => $("search").focus(), ...keys };
    for (const key of ["j", "ArrowRight", "ArrowDown"]) actions[key] = () => step(1);
    for (const key of ["k", "ArrowLeft", "ArrowUp"]) actions[key] = () => step(-1);
    document.addEventListener("keydown", (event) => {
      const typing = event.target.matches("input[type=search], select");
      if (event.ctrlKey || event.altKey || event.metaKey || typing) return;
      if (event.key === "Enter" && event.target.matches("article")) open(Number(event.target.dataset.index));
      else if (Object.hasOwn(actions, event.key)) actions[event.key]();
      else return;
      event.preventDefault();
    });
    $("large").addEventListener("close", () => focusCard(current));
    $("close").addEventListener("click", () => $("large").close());
    $("back").addEventListener("click", () => step(-1));
    $("next").addEventListener("click", () => step(1));

    const state = new URLSearchParams(location.hash.slice(1));
    for (const control of filters) {
      if (state.has(control.id)) control.value = state.get(control.id);
      // A list that no longer has the value of an old address shows nothing at all.
      if (control.selectedIndex === -1) control.selectedIndex = 0;
      control.addEventListener("input", filter);
    }
    filter();
    const more = new IntersectionObserver((seen) => seen[0].isIntersecting && draw(), { rootMargin: "1200px" });
    more.observe($("more"));
  }

  window.browserPage = { data: JSON.parse($("data").textContent), make, notFound, offer, show };
})();
