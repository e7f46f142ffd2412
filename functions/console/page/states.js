// Placeholders for loading, empty and failed content, and the buttons between pages.

import { h, icon } from "./dom.js";

export function loading(what) {
  return h("div", { class: "loading", role: "status" }, h("span", { class: "unseen" }, `Loading ${what}`), [0, 1, 2, 3].map(() => h("span", { class: "bone", "aria-hidden": "true" })));
}

export function empty(title, text) {
  return h("div", { class: "empty" }, h("p", { class: "title" }, title), h("p", {}, text));
}

/** An error with the API's message. */
export function failure(problem) {
  const title = { 403: "Not allowed with this key", 404: "Not found" }[problem.status] ?? "The request failed";
  return h(
    "div",
    { class: "empty failed", role: "alert" },
    icon("warning"),
    h("p", { class: "title" }, title),
    h("p", {}, problem.message),
    problem.errors?.length > 0 && h("ul", {}, problem.errors.map((one) => h("li", {}, h("code", {}, one.field), ` ${one.message}`))),
    problem.requestId && h("p", { class: "hint" }, `Request ${problem.requestId}`),
  );
}

/** Enables the buttons to other pages. If the focused button becomes disabled, the other one gets the focus. */
export function offerPages({ newer, older, pages }, hasNewer, hasOlder) {
  const focused = document.activeElement;
  newer.disabled = !hasNewer;
  older.disabled = !hasOlder;
  if (focused === newer && newer.disabled) older.focus();
  if (focused === older && older.disabled) newer.focus();
  pages.hidden = newer.disabled && older.disabled;
}
