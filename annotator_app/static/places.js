// The images of an item as chips, in the order that they have so far: pressed, or drawn to where they belong.

import { make } from "./dom.js";
import { blank, extreme, extremesOf, groupsOf, movedTo, notExtreme, orderText, withoutImage } from "./ordering.js";
import { t } from "./texts.js";

const STILL_PX = 6; // a finger is never quite still

/**
 * Ranks from the best on, gaps between them, and the images that have none yet. A chip drawn into a gap stands alone
 * there, one drawn onto a rank is tied with it. `press(image)`: a chip was pressed; `arrange(sketch)`: one was drawn.
 */
export function places(count, { press, arrange }) {
  const element = make("div", { className: "places", role: "group", tabIndex: 0 });
  let sketch = "";

  const chip = (image, rank) => {
    const number = make("b", { textContent: image + 1 });
    const one = make("button", { type: "button", tabIndex: -1, className: "chip" }, number);
    one.dataset.image = image;
    one.ariaLabel = rank === null
      ? t("order.unplaced", { image: image + 1 })
      : t("order.placed", { image: image + 1, place: t(`order.ordinal.${rank + 1}`) });
    drawn(one, () => press(image), (target) => arrange(droppedOn(sketch, image, target)));
    return one;
  };
  const gap = (at) => {
    const one = make("span", { className: "gap" });
    one.dataset.before = at;
    return one;
  };
  const draw = () => {
    const groups = groupsOf(sketch);
    const ranks = groups.flatMap((group, at) => {
      const rank = make("span", { className: "rank" }, make("span", { className: "ordinal", textContent: t(`order.ordinal.${at + 1}`) }),
        ...group.map((image) => chip(image, at)));
      rank.dataset.among = at;
      return [gap(at), rank];
    });
    const left = [...sketch].flatMap((own, image) => (own === "0" ? [image] : []));
    const rest = make("span", { className: "rest" }, ...left.map((image) => chip(image, null)));
    rest.dataset.rest = "";
    element.replaceChildren(...ranks, gap(groups.length), rest);
  };

  return {
    element,
    rename: draw,
    labelledBy: (id) => element.setAttribute("aria-labelledby", id),
    focus: () => element.focus({ preventScroll: true }),
    show(value) {
      if (sketch === (value ?? blank(count))) return; // a chip that is being drawn stays the same one
      sketch = value ?? blank(count);
      draw();
    },
  };
}

function droppedOn(sketch, image, { dataset }) {
  if (dataset.rest !== undefined) return withoutImage(sketch, image);
  const among = dataset.among !== undefined;
  return movedTo(sketch, image, Number(among ? dataset.among : dataset.before), among);
}

/** Let a chip be drawn with mouse, pen or finger: `drop(target)` where it was let go, `press()` where it did not move. */
function drawn(chip, press, drop) {
  let from = null;
  let target = null;
  const aim = (next) => {
    target?.classList.remove("aimed");
    target = next;
    target?.classList.add("aimed");
  };
  chip.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    from = { x: event.clientX, y: event.clientY, moved: false };
    chip.setPointerCapture(event.pointerId);
  });
  chip.addEventListener("pointermove", (event) => {
    if (from === null) return;
    const [x, y] = [event.clientX - from.x, event.clientY - from.y];
    from.moved ||= Math.hypot(x, y) > STILL_PX;
    if (!from.moved) return;
    chip.classList.add("drawn");
    chip.style.translate = `${x}px ${y}px`;
    aim(nearest(chip, event.clientX, event.clientY));
  });
  const end = (isDropped) => {
    const was = from;
    from = null;
    chip.classList.remove("drawn");
    chip.style.translate = "";
    const found = target;
    aim(null);
    if (was?.moved && isDropped && found !== null) drop(found);
  };
  let wasDrawn = false;
  chip.addEventListener("pointerup", () => {
    wasDrawn = from?.moved === true;
    end(true);
  });
  chip.addEventListener("pointercancel", () => end(false));
  // What a screen reader presses comes as a click alone.
  chip.addEventListener("click", () => {
    if (!wasDrawn) press();
    wasDrawn = false;
  });
}

/** The rank, gap or rest at a point, or the one that is nearest; null far from all of them. */
function nearest(chip, x, y) {
  const targets = [...chip.closest(".places").querySelectorAll(".gap, .rank, .rest")];
  const away = (target) => {
    const box = target.getBoundingClientRect();
    return Math.hypot(Math.max(box.left - x, 0, x - box.right), Math.max(box.top - y, 0, y - box.bottom));
  };
  const [best] = targets.map((target) => ({ target, by: away(target) })).sort((a, b) => a.by - b.by);
  return best.by < 60 ? best.target : null;
}

/** Two rows of buttons: which image is the best, and which the worst. */
export function extremes(count, { arrange }) {
  const element = make("div", { className: "extremes", role: "group", tabIndex: 0 });
  let sketch = blank(count);
  const rows = ["best", "worst"].map((which) => {
    const buttons = Array.from({ length: count }, (_, image) => {
      const one = make("button", { type: "button", role: "radio", tabIndex: -1, className: "chip" }, make("b", { textContent: image + 1 }));
      one.addEventListener("click", () => {
        const isChosen = extremesOf(sketch)[which] === image;
        arrange(isChosen ? notExtreme(sketch, image) : extreme(sketch, image, which === "best"));
      });
      return one;
    });
    const name = make("span", { className: "ordinal" });
    const row = make("div", { className: "extreme", role: "radiogroup" }, name, ...buttons);
    return { which, buttons, name, row };
  });
  element.append(...rows.map(({ row }) => row));
  const draw = () => {
    const chosen = extremesOf(sketch);
    for (const { which, buttons, name, row } of rows) {
      name.textContent = t(`order.${which}`);
      row.ariaLabel = t(`order.${which}`);
      buttons.forEach((button, image) => {
        button.ariaChecked = String(chosen[which] === image);
        button.ariaLabel = t(`order.${which}.image`, { image: image + 1 });
      });
    }
  };
  draw();

  return {
    element,
    rename: draw,
    labelledBy: (id) => element.setAttribute("aria-labelledby", id),
    focus: () => element.focus({ preventScroll: true }),
    show(value) {
      sketch = value ?? blank(count);
      draw();
    },
  };
}

/** What a sketch says, in words: for the line beside a criterion, and for who cannot see the images. */
export function sketchWords(sketch, mode) {
  if (mode === "ranking") {
    const order = orderText(sketch);
    const left = [...sketch].filter((own) => own === "0").length;
    return left === 0 ? order : t("order.left", { order, count: left });
  }
  const { best, worst } = extremesOf(sketch);
  const named = (which, image) => (image === null ? [] : [t(`order.${which}.image`, { image: image + 1 })]);
  return [...named("best", best), ...named("worst", worst)].join(t("list.comma"));
}
