// A list of names and numbers, with a bar for each number.

import { h } from "./dom.js";
import { count } from "./format.js";

/** Returns the list of these entries: a name (text or element) and its number. `kind` is a class for the colour. */
export function bars(entries, kind = "") {
  const most = Math.max(1, ...entries.map(([, number]) => number));
  return h(
    "ul",
    { class: `bars ${kind}` },
    entries.map(([name, number]) => {
      const meter = h("span", { class: "meter", "aria-hidden": "true" }, h("span"));
      meter.firstElementChild.style.setProperty("width", `${(100 * number) / most}%`);
      return h("li", {}, h("span", { class: "name" }, name), h("b", {}, count(number)), meter);
    }),
  );
}
