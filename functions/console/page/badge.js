// The status of a call or a batch as a badge, and masked numbers.

import { h, setAttribute, setText } from "./dom.js";
import { masked, statusWord } from "./format.js";

export function badge(status) {
  const element = h("span", { class: "badge" }, h("span", { class: "dot", "aria-hidden": "true" }), h("span"));
  setBadge(element, status);
  return element;
}

export function setBadge(element, status) {
  setAttribute(element, "data-status", status);
  setText(element.lastElementChild, statusWord(status));
}

/** Shows a masked number, with a text for screen readers. The number of an erased person is empty. */
export function maskedNumber(number) {
  if (number === "") return [h("span", { class: "number" }, "erased")];
  return [
    h("span", { class: "number", "aria-hidden": "true" }, masked(number)),
    h("span", { class: "unseen" }, `number ending in ${number.slice(-4).split("").join(" ")}`),
  ];
}
