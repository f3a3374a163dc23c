// Elements, made and found. Texts go in as text, never as HTML, but for one kind: see fill.

/**
 * An element with properties and children; a key with a dash is set as an attribute.
 * @param {string} tag
 * @param {Record<string, any>} properties
 * @param {(Node | string)[]} children
 * @returns {any} an element of that tag's type
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role") element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children);
  return element;
}

/**
 * The element of `root` that its HTML names `data-part="name"`.
 * @param {string} name
 * @param {ParentNode} root
 * @returns {any} of whatever type it is in the HTML; a page's own code knows
 */
export function part(name, root = document) {
  return root.querySelector(`[data-part="${name}"]`);
}

/**
 * Put HTML into an element that the server made of Markdown and cleaned: the one exception.
 * @param {Element} element
 * @param {string} html
 */
export function fill(element, html) {
  element.innerHTML = html;
}

/**
 * Change a text only where it differs, so that nothing flickers and no selection is lost.
 * @param {Node} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
