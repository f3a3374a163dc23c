// Making elements: every text is set as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * The element of this id.
 * @returns {any}
 */
export function element(id) {
  return document.getElementById(id);
}

/**
 * The first element that a selector finds.
 * @returns {any}
 */
export function first(selector) {
  return document.querySelector(selector);
}

/** An element with properties (attributes where the name has a hyphen, or is "class", "for" or "role"). */
export function make(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value == null) continue;
    if (key.includes("-") || ["class", "for", "role", "scope", "colspan"].includes(key)) made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

/** An SVG element with attributes. */
export function draw(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

/** The JSON that the page carries in the element of this id; null where there is none. */
export function pageData(id) {
  const holder = document.getElementById(id);
  return holder ? JSON.parse(holder.textContent) : null;
}

/** What a data script of the site holds, loaded when it is first asked for: pages from disk may not fetch. */
export function loadData(name, address) {
  /** @type {any} */
  const page = window;
  const known = (page.NAMI_SITE ??= {});
  if (known[name]) return Promise.resolve(known[name]);
  return new Promise((resolve, reject) => {
    const script = make("script", { src: address });
    script.addEventListener("load", () => resolve(known[name]));
    script.addEventListener("error", () => reject(new Error(`cannot load ${address}`)));
    document.head.append(script);
  });
}
