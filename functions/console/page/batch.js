// The view of one batch: its progress, its calls, and what can be done with it.

import { get, segment } from "./api.js";
import { badge, setBadge } from "./badge.js";
import { batchActions } from "./batch_actions.js";
import { batchFacts } from "./batch_facts.js";
import { batchProgress } from "./batch_progress.js";
import { stepsView } from "./call_steps.js";
import { callsList } from "./calls_list.js";
import { h, icon, say, setText, toast } from "./dom.js";
import { statusWord } from "./format.js";
import { Poller } from "./poll.js";
import { downloadResults } from "./results_download.js";
import { empty, failure, loading } from "./states.js";

const RUNNING_MS = 2_000;
const CALM_MS = 10_000;

/** The button that downloads the results, with its progress. */
function downloadButton(batch, faults) {
  const download = h("button", { class: "button", type: "button", hidden: true }, "Download results");
  download.addEventListener("click", async () => {
    download.disabled = true;
    faults.clear();
    try {
      await downloadResults(batch(), (rows) => setText(download, `Downloading: ${Math.min(rows, batch().progress.recipients)} rows`));
      toast("The results were downloaded");
    } catch (problem) {
      faults.show(problem);
    } finally {
      download.disabled = false;
      setText(download, "Download results");
    }
  });
  return download;
}

export function batchView(main, { id, head }) {
  const path = `/batches/${segment(id)}`;
  let batch = null;
  let stopCalls = () => {};
  const status = badge("draft");
  const actions = batchActions(
    () => batch,
    () => poller.now(),
  );
  const download = downloadButton(() => batch, actions.faults);
  const heading = head("Batch", actions.elements, download);
  const place = h("div", { class: "state" }, loading("the batch"));
  const progress = batchProgress();
  const script = h("blockquote", { class: "spoken" });
  const spoken = h("section", { class: "card" }, h("h2", {}, "Script"), script);
  const steps = stepsView();
  const details = h("div");
  const list = h("div");
  const body = h(
    "div",
    { class: "batch", hidden: true },
    h("div", { class: "subtitle" }, status),
    actions.faults.element,
    progress.element,
    spoken,
    steps.steps,
    steps.message,
    h("section", { class: "card" }, h("h2", {}, "Details"), details),
    h("section", { "aria-label": "Calls" }, h("h2", { class: "apart" }, "Calls"), list),
  );
  main.append(h("a", { class: "up", href: "#/batches" }, icon("back"), "Batches"), heading, place, body);

  const show = () => {
    setText(heading.querySelector("h1"), batch.name);
    if (body.hidden) {
      document.title = `${batch.name} – outdial console`;
      body.hidden = false;
      place.remove();
      setText(script, batch.script ?? "");
      spoken.hidden = batch.script === null;
      steps.update(batch);
      stopCalls = callsList(list, {
        path: "/calls",
        query: { batch_id: batch.batch_id },
        withUser: false,
        whenEmpty: () => empty("No recipients yet", "Add recipients with the button above, then start the batch."),
      });
    }
    setBadge(status, batch.status);
    if (actions.update(batch)) heading.querySelector("h1").focus();
    download.hidden = batch.progress.recipients === 0;
    const words = batchFacts(batch);
    if (words.textContent !== details.textContent) details.replaceChildren(words);
    progress.update(batch);
  };
  const poller = new Poller({
    load: async (signal) => {
      const latest = await get(path, signal);
      await progress.read(latest, signal);
      if (batch && batch.status !== latest.status) say(`The batch is ${statusWord(latest.status).toLowerCase()}`);
      batch = latest;
      show();
    },
    every: () => (["running", "canceling"].includes(batch?.status) ? RUNNING_MS : CALM_MS),
    failed: (problem) => {
      if (batch && problem.isAway) return;
      stopCalls();
      body.hidden = true;
      heading.after(place);
      place.replaceChildren(failure(problem));
    },
  });
  return () => {
    poller.stop();
    stopCalls();
    progress.stop();
  };
}
