// The card with the numbers of calls by result.

import { withQuery } from "./api.js";
import { bars } from "./bars.js";
import { h } from "./dom.js";
import { resultWord } from "./results.js";

/**
 * Creates the card, which is hidden while no call has a result. `update(counts, query)` shows the `by_result` and `other_results` of a
 * response. `query` selects the calls that a result leads to.
 */
export function resultCounts(title) {
  const place = h("div");
  const element = h("section", { class: "card", hidden: true }, h("h2", {}, title), place);
  let shown = "";
  return {
    element,
    update({ by_result: byResult = {}, other_results: others = 0 }, query) {
      const entries = Object.entries(byResult).sort(([, one], [, other]) => other - one);
      const latest = JSON.stringify([entries, others, query]);
      element.hidden = entries.length === 0;
      if (latest === shown) return;
      shown = latest;
      const rows = entries.map(([result, number]) => [h("a", { href: `#${withQuery("/calls", { ...query, result })}` }, resultWord(result)), number]);
      place.replaceChildren(bars(others > 0 ? [...rows, ["Other results", others]] : rows));
    },
  };
}
