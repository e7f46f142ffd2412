// What stands where there is nothing to show yet, nothing at all, or a refusal.

import { h, icon } from "./dom.js";

export function loading(what) {
  return h("div", { class: "loading", role: "status" }, h("span", { class: "unseen" }, `Loading ${what}`), [0, 1, 2, 3].map(() => h("span", { class: "bone", "aria-hidden": "true" })));
}

export function empty(title, text) {
  return h("div", { class: "empty" }, h("p", { class: "title" }, title), h("p", {}, text));
}

/** A refusal, in the API's words. */
export function failure(problem) {
  const title = { 403: "This key may not do that", 404: "Not found" }[problem.status] ?? "That did not work";
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

/** Lets a list be turned to where there is more of it. A button that has had its day does not take the keyboard's place along. */
export function offerPages({ newer, older, pages }, hasNewer, hasOlder) {
  const focused = document.activeElement;
  newer.disabled = !hasNewer;
  older.disabled = !hasOlder;
  if (focused === newer && newer.disabled) older.focus();
  if (focused === older && older.disabled) newer.focus();
  pages.hidden = newer.disabled && older.disabled;
}
