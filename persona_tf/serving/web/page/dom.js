// Elements from plain values. Text goes in as text nodes only: nothing that anyone wrote is ever parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

/** An element. `props`: attributes; `on` maps events to handlers, `data` to data-*; undefined, null and false are left out. */
export function h(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "on") for (const [event, handler] of Object.entries(value)) made.addEventListener(event, handler);
    else if (name === "data") Object.assign(made.dataset, value);
    else if (name === "value" || name === "checked") made[name] = value;
    else if (value !== undefined && value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** A picture of icons.svg; what it means stands beside it or in the label of its button. */
export function icon(name) {
  const made = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `/page/icons.svg#${name}`);
  made.setAttribute("aria-hidden", "true");
  made.append(use);
  return made;
}

/** A button that shows an icon alone. */
export function iconButton(name, label, onclick, props = {}) {
  return h("button", { type: "button", class: "icon", "aria-label": label, title: label, on: { click: onclick }, ...props }, icon(name));
}

/** Puts other children into an element, and the focus back to what has the same `data-act` as before. */
export function refill(element, ...children) {
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  element.replaceChildren(...children.flat().filter(Boolean));
  if (!focused) return;
  const again = focused.dataset.act && element.querySelector(`[data-act="${CSS.escape(focused.dataset.act)}"]:not(:disabled)`);
  (again || document.getElementById("words"))?.focus({ preventScroll: true });
}

export const $ = (id) => document.getElementById(id);

/** The lines of a text box, without empty ones. */
export const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);
