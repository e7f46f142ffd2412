// A figure with a title and a note.

import { h } from "./dom.js";

export function tile(title) {
  const value = h("p", { class: "value" }, "–");
  const note = h("p", { class: "note" });
  return { element: h("div", { class: "tile" }, h("h2", {}, title), value, note), value, note };
}
