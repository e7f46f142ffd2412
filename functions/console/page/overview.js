// The overview: statistics of a time range, and the health of the service.

import { get, health, withQuery } from "./api.js";
import { bars } from "./bars.js";
import { h, icon, say, setAttribute, setText } from "./dom.js";
import { count, inWords, now, percent, wholeTime } from "./format.js";
import { GROUPS, groupWord, plot, sum } from "./plot.js";
import { Poller } from "./poll.js";
import { refusalWord } from "./reasons.js";
import { resultCounts } from "./result_counts.js";
import { empty, failure, loading } from "./states.js";
import { tile } from "./tile.js";

const EVERY_MS = 15_000;
const MINUTE = 60_000;

/** Name, label, length, and the step to which the end is rounded, so that repeated requests can be answered with 304. */
const RANGES = [
  ["1h", "Last hour", 60 * MINUTE, MINUTE],
  ["24h", "24 hours", 1440 * MINUTE, 5 * MINUTE],
  ["7d", "7 days", 7 * 1440 * MINUTE, 60 * MINUTE],
  ["30d", "30 days", 30 * 1440 * MINUTE, 60 * MINUTE],
];

/** The alert that dialling is off, with the time, the person and the reason. */
function notice() {
  const title = h("b");
  const reason = h("span");
  const element = h(
    "div",
    { class: "notice", role: "alert", hidden: true },
    icon("warning"),
    h("div", {}, h("p", {}, title, " ", reason), h("p", { class: "hint" }, "New calls are refused; calls in progress continue.")),
  );
  return {
    element,
    update(dialing) {
      const since = dialing.since ? ` since ${wholeTime(dialing.since)}` : "";
      const by = dialing.by ? ` by ${dialing.by}` : "";
      setText(title, `Dialling is off${since}${by}${dialing.reason ? ":" : ""}`);
      setText(reason, dialing.reason ?? "");
      if (dialing.on && !element.hidden) say("Dialling is on again");
      element.hidden = dialing.on;
    },
  };
}

export function overviewView(main, { query, head, go }) {
  const [range, words, long, grid] = RANGES.find(([name]) => name === query.get("range")) ?? RANGES[1];
  const choice = h(
    "fieldset",
    { class: "segments" },
    h("legend", { class: "unseen" }, "Time range"),
    RANGES.map(([name, label]) => {
      const radio = h("input", { type: "radio", name: "range", value: name, id: `range-${name}`, checked: name === range });
      radio.addEventListener("change", () => go(`/overview?range=${name}`, { keepFocus: `range-${name}` }));
      return [radio, h("label", { for: `range-${name}` }, label)];
    }),
  );
  const tiles = { calls: tile("Calls"), rate: tile("Answer rate"), median: tile("Median duration"), refused: tile("Refused") };
  const picture = plot();
  const legend = h("ul", { class: "legend" });
  const counts = new Map();
  for (const [group] of GROUPS) {
    const number = h("b", {}, "–");
    counts.set(group, number);
    legend.append(h("li", {}, h("span", { class: `key ${group}` }), groupWord(group), number));
  }
  const note = h("p", { class: "hint", hidden: true });
  const results = resultCounts("Calls by result");
  const refused = h("div");
  const off = notice();
  const parts = h("ul", { class: "parts" });
  const healthNote = h("p", { class: "hint" });
  const state = h("div", { class: "state" }, loading("figures"));
  const body = h(
    "div",
    { class: "overview", hidden: true },
    h("div", { class: "tiles" }, Object.values(tiles).map((one) => one.element)),
    h("section", { class: "card" }, h("h2", {}, "Calls by status"), legend, picture.element, note),
  );
  const below = h(
    "div",
    { class: "pair" },
    results.element,
    h("section", { class: "card" }, h("h2", {}, "Refused by rule"), refused),
    h("section", { class: "card" }, h("h2", {}, "Service"), parts, healthNote),
  );
  main.append(head("Overview", choice), off.element, state, body, below);
  refused.append(loading("refusals"));

  const show = (stats) => {
    state.replaceChildren();
    body.hidden = false;
    const total = stats.total;
    const refusals = Object.entries(stats.refused ?? {}).sort(([, one], [, other]) => other - one);
    const refusedTotal = refusals.reduce((all, [, number]) => all + number, 0);
    setText(tiles.calls.value, count(total));
    setText(tiles.calls.note, words.toLowerCase());
    setText(tiles.rate.value, stats.answer_rate === null || stats.answer_rate === undefined ? "–" : percent(stats.answer_rate));
    setText(tiles.rate.note, "of ended calls");
    const median = stats.median_duration_seconds;
    setText(tiles.median.value, median === null || median === undefined ? "–" : inWords(median));
    setText(tiles.median.note, "of answered calls");
    setText(tiles.refused.value, count(refusedTotal));
    setText(tiles.refused.note, "by a rule or by Twilio");
    for (const [group, statuses] of GROUPS) setText(counts.get(group), count(sum(stats.by_status, statuses)));
    picture.update(stats);
    results.update(stats, {});
    note.hidden = !stats.truncated;
    setText(note, stats.truncated ? "Not all calls are counted. Choose a shorter time range for complete figures." : "");
    refused.replaceChildren(
      refusals.length > 0
        ? bars(refusals.map(([code, number]) => [refusalWord(code), number]), "refused")
        : empty("Nothing was refused", "Refusals appear here, counted by rule."),
    );
  };
  const figures = new Poller({
    load: async (signal) => {
      const to = Math.ceil(now() / grid) * grid;
      show(await get(withQuery("/stats", { from: new Date(to - long).toISOString(), to: new Date(to).toISOString() }), signal));
    },
    every: () => EVERY_MS,
    failed: (problem) => {
      if (problem.isAway && !body.hidden) return;
      body.hidden = true;
      refused.replaceChildren();
      state.replaceChildren(failure(problem));
    },
  });
  const line = (name, reach, word) => {
    const item = h("li", {}, h("span", { class: "dot", "aria-hidden": "true" }), h("span", { class: "name" }, name), h("b", {}, word));
    setAttribute(item, "data-reach", reach);
    return item;
  };
  const looking = new Poller({
    load: async (signal) => {
      const body = await health(signal);
      const up = (reach) => (reach === "up" ? "up" : "unavailable");
      const lines = [
        line("API", "up", `version ${body.version}`),
        line("Database", body.database, up(body.database)),
        line("Twilio", body.twilio, up(body.twilio)),
      ];
      // Missing while the database is unavailable. The last known state then stays.
      if (body.dialing) {
        lines.push(line("Dialling", body.dialing.on ? "up" : "off", body.dialing.on ? "on" : "off"));
        off.update(body.dialing);
      }
      parts.replaceChildren(...lines);
      setText(healthNote, `Checked ${wholeTime(body.timestamp)}`);
    },
    every: () => EVERY_MS,
    failed: () => {
      parts.replaceChildren(line("API", "down", "no response"));
      setText(healthNote, "");
    },
  });
  return () => {
    figures.stop();
    looking.stop();
    picture.stop();
  };
}
