// Creating and updating elements. Text is never parsed as markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Creates an HTML element. Attributes that begin with `on` are listeners. */
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Creates an SVG element. */
export function svg(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Sets a text only if it differs, so that nothing is painted or announced twice. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/** Gives `parent` one node per item, in order, and keeps the existing nodes. */
export function patch(parent, nodes, items, key, make, update) {
  const wanted = new Set(items.map(key));
  for (const [name, node] of nodes) {
    if (wanted.has(name)) continue;
    node.remove();
    nodes.delete(name);
  }
  let next = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    let node = nodes.get(name);
    if (!node) {
      node = make(item);
      nodes.set(name, node);
    }
    update(node, item);
    if (node === next) next = next.nextElementSibling;
    else parent.insertBefore(node, next);
  }
}

/** Announces a text to screen readers. */
export function say(text) {
  const place = document.getElementById("said");
  place.textContent = "";
  place.textContent = text;
}

let toastTimer;

/** Shows a short notice and announces it to screen readers. */
export function toast(text) {
  document.querySelector(".toast")?.remove();
  clearTimeout(toastTimer);
  const element = h("div", { class: "toast" }, text);
  document.body.append(element);
  say(text);
  toastTimer = setTimeout(() => element.remove(), 6000);
}

const PATHS = {
  calls: "M5 3.5h2.6l1.3 3.3-1.7 1.2a9 9 0 0 0 4.8 4.8l1.2-1.7 3.3 1.3V15a1.5 1.5 0 0 1-1.6 1.5A12.6 12.6 0 0 1 3.5 5.1 1.5 1.5 0 0 1 5 3.5Z",
  users: "M10 9.8a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM4.2 16.5a5.8 5.8 0 0 1 11.6 0",
  overview: "M3.5 16.5h13M5.5 13.5v-4M10 13.5v-9M14.5 13.5V8",
  plus: "M10 4.5v11M4.5 10h11",
  back: "M12 4.5 6.5 10l5.5 5.5",
  forth: "m8 4.5 5.5 5.5L8 15.5",
  play: "M6.5 4.3v11.4l9-5.7-9-5.7Z",
  batches: "M4 5.5h12M4 10h12M4 14.5h7",
  clock: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM10 6.5V10l2.5 2",
  pause: "M7 4.5v11M13 4.5v11",
  sun: "M10 13.2a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4ZM10 2.5v1.6M10 15.9v1.6M2.5 10h1.6M15.9 10h1.6M4.7 4.7l1.1 1.1M14.2 14.2l1.1 1.1M4.7 15.3l1.1-1.1M14.2 5.8l1.1-1.1",
  moon: "M15.8 11.7A6.3 6.3 0 0 1 8.3 4.2a6.3 6.3 0 1 0 7.5 7.5Z",
  leave: "M8 4H4.5v12H8M12.5 6.5 16 10l-3.5 3.5M16 10H8",
  recorded: "M10 13.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Z",
  warning: "M10 7v4M10 13.4v.1M10 3.2 2.8 16h14.4L10 3.2Z",
  up: "M10 16V4.5M5 9.5l5-5 5 5",
  down: "M10 4v11.5M5 10.5l5 5 5-5",
  close: "m5.5 5.5 9 9M14.5 5.5l-9 9",
  copy: "M7.5 7.5h8v8h-8zM12.5 7.5v-3h-8v8h3",
};

/** Creates a decorative icon. */
export function icon(name) {
  return svg(
    "svg",
    { class: `icon icon-${name}`, viewBox: "0 0 20 20", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: PATHS[name] }),
  );
}
