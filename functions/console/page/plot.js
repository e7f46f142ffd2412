// Calls by status over time: stacked bars.

import { h, svg, setText } from "./dom.js";
import { count, day, plural, shortClock, statusWord } from "./format.js";

/** The groups of statuses, from the bottom of a bar to its top. */
export const GROUPS = [
  ["completed", ["completed"]],
  ["no-answer", ["no-answer"]],
  ["busy", ["busy"]],
  ["failed", ["failed"]],
  ["canceled", ["canceled"]],
  ["expired", ["expired"]],
  ["live", ["initiated", "queued", "ringing", "in-progress"]],
  ["scheduled", ["scheduled"]],
];
export const groupWord = (group) => (group === "live" ? "Ongoing" : statusWord(group));

const HEIGHT = 232;
const TOP = 10;
const BOTTOM = 26;
const LEFT = 36;
const STEP_FROM = 86_400;

export function sum(byStatus, statuses) {
  return statuses.reduce((total, status) => total + (byStatus[status] ?? 0), 0);
}

/** Rounds up to a round number whose half is an integer. */
function roundUp(number) {
  const size = 10 ** Math.floor(Math.log10(Math.max(1, number)));
  return [2, 3, 4, 6, 8, 10].map((factor) => factor * size).find((one) => one >= number);
}

/** Adds the empty buckets that the response leaves out. */
function complete({ from, to, bucket_seconds, buckets }) {
  const wide = bucket_seconds * 1000;
  const known = new Map(buckets.map((one) => [Date.parse(one.start), one.by_status]));
  const starts = [...known.keys()].sort((one, other) => one - other);
  // The grid of the buckets, which `from` may not be on.
  const origin = starts[0] ?? Date.parse(from);
  const begin = origin - Math.floor((origin - Date.parse(from)) / wide + 1e-9) * wide;
  const all = [];
  for (let at = begin; at < Date.parse(to) && all.length < 2000; at += wide) all.push({ at, by: known.get(at) ?? {} });
  return all;
}

export function plot() {
  const picture = svg("svg", { class: "plot", "aria-hidden": "true", height: HEIGHT });
  const tip = h("div", { class: "tip", hidden: true });
  const frame = h(
    "div",
    { class: "plot-frame", role: "slider", tabindex: "0", "aria-label": "Calls over time", "aria-orientation": "horizontal" },
    picture,
    tip,
  );
  const rows = h("tbody");
  const table = h(
    "table",
    { class: "figures" },
    h("caption", { class: "unseen" }, "Calls by status over time"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "From"), GROUPS.map(([group]) => h("th", { scope: "col" }, groupWord(group))))),
    rows,
  );
  const details = h("details", { class: "more" }, h("summary", {}, "Show as a table"), h("div", { class: "scroller", tabindex: "0", role: "region", "aria-label": "Figures" }, table));
  const element = h("div", {}, frame, details);
  let stats = null;
  let buckets = [];
  let chosen = null;
  let geometry = null;

  const name = (at) => (stats.bucket_seconds >= STEP_FROM ? day(at) : `${day(at)}, ${shortClock(at)}`);
  const words = ({ at, by }) => {
    const parts = GROUPS.map(([group, statuses]) => [groupWord(group).toLowerCase(), sum(by, statuses)]).filter(([, number]) => number > 0);
    return `${name(at)}: ${parts.length > 0 ? parts.map(([word, number]) => `${count(number)} ${word}`).join(", ") : "no calls"}`;
  };
  const draw = () => {
    const width = Math.floor(frame.clientWidth);
    if (!stats || width === 0) return;
    const inner = { left: LEFT, width: width - LEFT - 4, height: HEIGHT - TOP - BOTTOM };
    const totals = buckets.map(({ by }) => GROUPS.reduce((total, [, statuses]) => total + sum(by, statuses), 0));
    const most = roundUp(Math.max(4, ...totals));
    const slot = inner.width / Math.max(1, buckets.length);
    const bar = Math.max(1, Math.min(slot - Math.min(3, slot * 0.25), slot * 0.62 + 8, 64));
    const y = (number) => TOP + inner.height * (1 - number / most);
    geometry = { slot, left: inner.left };
    const parts = [0, 0.5, 1].flatMap((share) => {
      const at = y(most * share);
      return [
        svg("line", { class: "grid", x1: inner.left, x2: width, y1: at, y2: at }),
        svg("text", { class: "tick", x: inner.left - 8, y: at + 4, "text-anchor": "end" }, count(most * share)),
      ];
    });
    const every = Math.max(1, Math.ceil((stats.bucket_seconds >= STEP_FROM ? 56 : 64) / slot));
    buckets.forEach(({ at, by }, nth) => {
      const x = inner.left + nth * slot + (slot - bar) / 2;
      if (nth === chosen) parts.push(svg("rect", { class: "chosen", x: inner.left + nth * slot, y: TOP, width: slot, height: inner.height }));
      let below = 0;
      const used = GROUPS.map(([group, statuses]) => [group, sum(by, statuses)]).filter(([, number]) => number > 0);
      for (const [group, number] of used) {
        const top = y(below + number);
        parts.push(svg("rect", { class: `bar ${group}`, x, y: top, width: bar, height: Math.max(0.5, y(below) - top - (below > 0 ? 1 : 0)), rx: Math.min(2, bar / 3) }));
        below += number;
      }
      if (nth % every === 0 && x + 30 < width) {
        const text = stats.bucket_seconds >= STEP_FROM ? day(at) : shortClock(at);
        const isAtEdge = x + bar / 2 < inner.left + 20;
        parts.push(svg("text", { class: "tick", x: isAtEdge ? inner.left : x + bar / 2, y: HEIGHT - 8, "text-anchor": isAtEdge ? "start" : "middle" }, text));
      }
    });
    picture.setAttribute("width", width);
    picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    picture.replaceChildren(...parts);
  };
  const choose = (nth) => {
    chosen = nth;
    tip.hidden = nth === null;
    if (nth !== null) {
      const { at, by } = buckets[nth];
      tip.replaceChildren(
        h("p", { class: "title" }, name(at)),
        ...GROUPS.map(([group, statuses]) => [group, sum(by, statuses)])
          .filter(([, number]) => number > 0)
          .map(([group, number]) => h("p", {}, h("span", { class: `key ${group}` }), groupWord(group), h("b", {}, count(number)))),
      );
      if (tip.children.length === 1) tip.append(h("p", {}, "No calls"));
      const { slot, left } = geometry;
      const middle = left + (nth + 0.5) * slot;
      tip.style.setProperty("left", `${Math.min(Math.max(0, middle - tip.offsetWidth / 2), frame.clientWidth - tip.offsetWidth)}px`);
      frame.setAttribute("aria-valuenow", nth);
      frame.setAttribute("aria-valuetext", words(buckets[nth]));
    }
    draw();
  };
  frame.addEventListener("pointermove", (event) => {
    if (!geometry || buckets.length === 0) return;
    const nth = Math.floor((event.clientX - frame.getBoundingClientRect().left - geometry.left) / geometry.slot);
    const next = nth >= 0 && nth < buckets.length ? nth : null;
    if (next !== chosen) choose(next);
  });
  frame.addEventListener("pointerleave", () => choose(null));
  frame.addEventListener("blur", () => choose(null));
  frame.addEventListener("keydown", (event) => {
    const last = buckets.length - 1;
    const from = chosen ?? last;
    const moves = { ArrowRight: from + 1, ArrowUp: from + 1, ArrowLeft: chosen === null ? last : from - 1, ArrowDown: chosen === null ? last : from - 1, Home: 0, End: last };
    if (event.key === "Escape") choose(null);
    else if (event.key in moves && last >= 0 && geometry) choose(Math.min(last, Math.max(0, moves[event.key])));
    else return;
    event.preventDefault();
  });
  const resized = new ResizeObserver(draw);
  resized.observe(frame);
  return {
    element,
    update(latest) {
      if (latest === stats) return;
      const isOther = stats && (stats.bucket_seconds !== latest.bucket_seconds || buckets.length === 0);
      stats = latest;
      buckets = complete(stats);
      if (isOther || chosen >= buckets.length) chosen = null;
      frame.setAttribute("aria-valuemin", 0);
      frame.setAttribute("aria-valuemax", Math.max(0, buckets.length - 1));
      frame.setAttribute("aria-valuenow", chosen ?? Math.max(0, buckets.length - 1));
      const all = buckets.filter(({ by }) => Object.keys(by).length > 0);
      frame.setAttribute("aria-valuetext", chosen === null ? `${plural(stats.total, "call")}. Use the arrow keys to read each bar.` : words(buckets[chosen]));
      rows.replaceChildren(
        ...all.map(({ at, by }) => h("tr", {}, h("th", { scope: "row" }, name(at)), GROUPS.map(([, statuses]) => h("td", {}, count(sum(by, statuses)))))),
      );
      if (chosen === null) {
        tip.hidden = true;
        draw();
      } else {
        choose(chosen);
      }
    },
    stop: () => resized.disconnect(),
  };
}
