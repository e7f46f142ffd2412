// How far a batch has come: figures, and the plot that moves while the batch runs.

import { withQuery } from "./api.js";
import { h, setText } from "./dom.js";
import { count, fromNow, now, percent, when } from "./format.js";
import { GROUPS, groupWord, sum } from "./plot.js";
import { History } from "./progress_history.js";
import { progressPlot } from "./progress_plot.js";
import { resultCounts } from "./result_counts.js";
import { tile } from "./tile.js";

/** The number of recipients whose last call has ended. */
function doneOf({ by_status: by, recipients }) {
  return recipients - sum(by, ["scheduled", "initiated", "queued", "ringing", "in-progress"]);
}

/** The figures of each group of statuses. Those of one status lead to its calls. */
function legend() {
  const figures = new Map();
  const items = GROUPS.map(([group, statuses]) => {
    const number = h("b", {}, "0");
    const link = statuses.length === 1 ? h("a", {}, groupWord(group)) : h("span", {}, groupWord(group));
    figures.set(group, { number, link, statuses });
    return h("li", {}, h("span", { class: `key ${group}` }), link, number);
  });
  return {
    element: h("ul", { class: "legend" }, items),
    update({ batch_id, progress }) {
      for (const { number, link, statuses } of figures.values()) {
        setText(number, count(sum(progress.by_status, statuses)));
        if (statuses.length === 1) link.href = `#${withQuery("/calls", { batch: batch_id, status: statuses[0] })}`;
      }
    },
  };
}

/** Creates the figures and the plot. `read(batch)` reads the course so far; `update(batch)` shows the batch as it is now. */
export function batchProgress() {
  const tiles = { recipients: tile("Recipients"), done: tile("Done"), attempts: tile("Calls"), end: tile("Estimated end") };
  const key = legend();
  const plot = progressPlot();
  const note = h("p", { class: "hint", hidden: true }, "The course before you opened this page is a straight line, because the batch is large.");
  const card = h("section", { class: "card", hidden: true }, h("h2", {}, "Progress"), key.element, plot.element, note);
  const results = resultCounts("Recipients by result");
  const element = h("div", { class: "progress" }, h("div", { class: "tiles" }, Object.values(tiles).map((one) => one.element)), card, results.element);
  const history = new History();

  return {
    element,
    read: (batch, signal) => history.read(batch, signal),
    update(batch) {
      const { progress } = batch;
      const done = doneOf(progress);
      setText(tiles.recipients.value, count(progress.recipients));
      setText(tiles.recipients.note, progress.recipients === 0 ? "none added yet" : `${count(sum(progress.by_status, ["scheduled"]))} waiting`);
      setText(tiles.done.value, progress.recipients > 0 ? percent(done / progress.recipients) : "–");
      setText(tiles.done.note, `${count(done)} of ${count(progress.recipients)}`);
      setText(tiles.attempts.value, count(progress.attempts));
      setText(tiles.attempts.note, "with all attempts");
      setText(tiles.end.value, progress.eta ? fromNow(progress.eta) : "–");
      setText(tiles.end.note, progress.eta ? when(progress.eta) : "");
      key.update(batch);
      results.update(progress, { batch: batch.batch_id });
      card.hidden = !batch.started_at;
      if (card.hidden) return;
      const isOver = ["completed", "canceled"].includes(batch.status);
      history.add(isOver ? Date.parse(batch.updated_at) : now(), progress.by_status);
      plot.update({ points: history.points, total: progress.recipients });
      note.hidden = !history.isGuessed;
    },
    stop: plot.stop,
  };
}
