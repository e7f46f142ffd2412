// The progress of a batch over time: stacked areas up to the number of recipients.

import { h, svg } from "./dom.js";
import { count, day, plural, shortClock, when } from "./format.js";
import { GROUPS, groupWord, sum } from "./plot.js";

const HEIGHT = 220;
const TOP = 10;
const BOTTOM = 26;
const LEFT = 48;
const DAY_MS = 86_400_000;
/** The most rows of the table. */
const ROWS = 12;

/** The groups that are drawn. The rest of the height is what waits. */
const DRAWN = GROUPS.filter(([group]) => group !== "scheduled");

function draw(width, { points, total }) {
  const [from, to] = [points[0].at, Math.max(points.at(-1).at, points[0].at + 1_000)];
  const inner = { width: width - LEFT - 4, height: HEIGHT - TOP - BOTTOM };
  const x = (at) => LEFT + (inner.width * (at - from)) / (to - from);
  const y = (number) => TOP + inner.height * (1 - number / Math.max(1, total));
  const parts = [0, 0.5, 1].map((share) => svg("line", { class: "grid", x1: LEFT, x2: width, y1: y(total * share), y2: y(total * share) }));
  const below = points.map(() => 0);
  for (const [group, statuses] of DRAWN) {
    const numbers = points.map(({ by }) => sum(by, statuses));
    if (numbers.every((number) => number === 0)) continue;
    const tops = numbers.map((number, nth) => below[nth] + number);
    const line = (heights) => heights.map((number, nth) => `${x(points[nth].at).toFixed(1)},${y(number).toFixed(1)}`);
    parts.push(svg("polygon", { class: `area ${group}`, points: [...line(tops), ...line(below).reverse()].join(" ") }));
    tops.forEach((number, nth) => (below[nth] = number));
  }
  for (const share of total > 1 ? [0, 0.5, 1] : [0, 1]) {
    parts.push(svg("text", { class: "tick", x: LEFT - 8, y: y(total * share) + 4, "text-anchor": "end" }, count(Math.round(total * share))));
  }
  const time = to - from > 2 * DAY_MS ? day : shortClock;
  const steps = Math.max(1, Math.min(4, Math.floor(inner.width / 110)));
  for (let step = 0; step <= steps; step += 1) {
    const anchor = step === 0 ? "start" : step === steps ? "end" : "middle";
    const at = from + ((to - from) * step) / steps;
    parts.push(svg("text", { class: "tick", x: x(at), y: HEIGHT - 8, "text-anchor": anchor }, time(at)));
  }
  return parts;
}

/** Creates the drawing and the table. `update({points, total})` redraws them. */
export function progressPlot() {
  const picture = svg("svg", { class: "plot", role: "img", height: HEIGHT });
  const frame = h("div", { class: "plot-frame" }, picture);
  const rows = h("tbody");
  const titles = DRAWN.map(([group]) => h("th", { scope: "col" }, groupWord(group)));
  const table = h(
    "table",
    { class: "figures" },
    h("caption", { class: "unseen" }, "Recipients by status over time"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Time"), titles)),
    rows,
  );
  const details = h(
    "details",
    { class: "more" },
    h("summary", {}, "Show as a table"),
    h("div", { class: "scroller", tabindex: "0", role: "region", "aria-label": "Figures of the batch" }, table),
  );
  const element = h("div", {}, frame, details);
  let shown = null;

  const redraw = () => {
    const width = Math.floor(frame.clientWidth);
    if (!shown || width === 0) return;
    picture.setAttribute("width", width);
    picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    picture.replaceChildren(...draw(width, shown));
  };
  const fillTable = () => {
    const { points } = shown;
    const every = Math.ceil(points.length / ROWS);
    const some = points.filter((_, nth) => (points.length - 1 - nth) % every === 0);
    rows.replaceChildren(
      ...some.map(({ at, by }) => h("tr", {}, h("th", { scope: "row" }, when(at)), DRAWN.map(([, statuses]) => h("td", {}, count(sum(by, statuses)))))),
    );
  };
  details.addEventListener("toggle", () => details.open && shown && fillTable());
  const resized = new ResizeObserver(redraw);
  resized.observe(frame);
  return {
    element,
    update({ points, total }) {
      shown = { points, total };
      const { by } = points.at(-1);
      const parts = DRAWN.map(([group, statuses]) => [groupWord(group).toLowerCase(), sum(by, statuses)]).filter(([, number]) => number > 0);
      const words = parts.map(([word, number]) => `${count(number)} ${word}`).join(", ");
      picture.setAttribute("aria-label", `Progress of ${plural(total, "recipient")} since ${when(points[0].at)}: ${words || "none has ended"}.`);
      redraw();
      if (details.open) fillTable();
    },
    stop: () => resized.disconnect(),
  };
}
