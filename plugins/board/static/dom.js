// Elements from data. Text is only ever set as text: a name or a reason can hold no markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element: `el("a.quiet", {href: "#/"}, "text", child)`. Children that are null or false are left out.
 * @param {string} kind tag name, with classes after dots
 * @param {Object} attributes functions become listeners; `false` and null leave an attribute out
 */
export function el(kind, attributes = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  return fill(document.createElement(tag), classes, attributes, children);
}

/** The same for a drawing. */
export function svg(kind, attributes = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  return fill(document.createElementNS(SVG, tag), classes, attributes, children);
}

function fill(element, classes, attributes, children) {
  element.classList.add(...classes);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Set a text only when it is another one: an unchanged one costs no layout, and no reader says it again. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Put an element in another's place; what has the focus in there, and what is unfolded, is so again. */
export function swap(old, made) {
  keepingPlace(old, () => {
    old.replaceWith(made);
    return made;
  });
}

/** The same for what an element contains. */
export function refill(element, ...children) {
  keepingPlace(element, () => {
    element.replaceChildren(...children);
    return element;
  });
}

function keepingPlace(old, change) {
  const focused = old.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const unfolded = [...old.querySelectorAll("details[data-key]")].map((details) => [details.dataset.key, details.open]);
  const made = change();
  for (const [key, open] of unfolded) {
    const details = find(made, key);
    if (details) details.open = open;
  }
  if (focused) find(made, focused)?.focus({ preventScroll: true });
}

function find(root, key) {
  return root.querySelector(`[data-key="${CSS.escape(key)}"]`);
}
