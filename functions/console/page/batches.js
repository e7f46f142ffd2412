// The list of batches, newest first.

import { get, segment, withQuery } from "./api.js";
import { badge, setBadge } from "./badge.js";
import { createBatch } from "./batch_form.js";
import { h, icon, patch, say, setAttribute, setText } from "./dom.js";
import { count, spoken, when, wholeTime } from "./format.js";
import { withName } from "./names.js";
import { Poller } from "./poll.js";
import { empty, failure, loading, offerPages } from "./states.js";

const PAGE = 25;
const EVERY_MS = 5_000;

function makeRow(batch) {
  const status = badge(batch.status);
  const link = h("a", { href: `#/batches/${segment(batch.batch_id)}` }, batch.name);
  const user = h("span", { class: "name" });
  withName(batch.user_id, (name) => setText(user, name));
  const time = (at) => at && h("time", { datetime: at, title: wholeTime(at) }, when(at));
  const started = h("td", { class: "started" });
  const row = h(
    "tr",
    { "data-batch": batch.batch_id },
    h("td", { class: "status" }, status),
    h("td", { class: "whom" }, link, user),
    h("td", { class: "script" }, h("span", {}, spoken(batch))),
    started,
    h("td", { class: "time" }, time(batch.created_at)),
  );
  row.addEventListener("click", (event) => {
    if (!event.target.closest("a") && !getSelection().toString()) link.click();
  });
  row.parts = { status, started, time };
  return row;
}

function updateRow({ parts }, batch) {
  setBadge(parts.status, batch.status);
  if (batch.started_at && !parts.started.hasChildNodes()) parts.started.append(parts.time(batch.started_at));
}

export function batchesView(main, { head }) {
  const before = [];
  let cursor = null;
  let next = null;
  let shownPage;
  const rows = new Map();
  const body = h("tbody");
  const titles = ["Status", "Name", "Script", "Started"].map((title) => h("th", { scope: "col" }, title));
  const table = h(
    "table",
    { class: "batches", hidden: true },
    h("caption", { class: "unseen" }, "Batches, newest first"),
    h("thead", {}, h("tr", {}, titles, h("th", { scope: "col", class: "time" }, "Created"))),
    body,
  );
  const state = h("div", { class: "state" }, loading("batches"));
  const newer = h("button", { class: "button", type: "button" }, icon("back"), "Newer");
  const older = h("button", { class: "button", type: "button" }, "Older", icon("forth"));
  const where = h("span", { class: "where" });
  const pages = h("nav", { class: "pages", "aria-label": "Pages of batches", hidden: true }, where, newer, older);
  const create = h("button", { class: "button primary", type: "button", "data-needs": "calls:write", onclick: createBatch }, icon("plus"), "New batch");
  main.append(head("Batches", create), h("section", { "aria-label": "Batches" }, table, state, pages));

  const move = (to) => {
    cursor = to;
    setAttribute(table, "aria-busy", "true");
    newer.disabled = older.disabled = true;
    poller.now();
  };
  newer.addEventListener("click", () => move(before.pop() ?? null));
  older.addEventListener("click", () => {
    before.push(cursor);
    move(next);
  });
  const poller = new Poller({
    load: async (signal) => {
      const requested = cursor;
      const { batches, next_cursor, total } = await get(withQuery("/batches", { page_size: PAGE, cursor: requested }), signal);
      if (requested !== cursor) {
        poller.now();
        return;
      }
      next = next_cursor ?? null;
      patch(body, rows, batches, (batch) => batch.batch_id, makeRow, updateRow);
      table.hidden = batches.length === 0;
      table.removeAttribute("aria-busy");
      state.replaceChildren();
      if (batches.length === 0) state.append(empty("No batches yet", "A batch calls many recipients with one script, or with the same steps. Create the first one with the button above."));
      offerPages({ newer, older, pages }, before.length > 0, next !== null);
      setText(where, `Page ${before.length + 1}${total ? ` · ${count(total)} batches` : ""}`);
      if (shownPage !== undefined && shownPage !== requested) say(`Page ${before.length + 1}`);
      shownPage = requested;
    },
    every: () => EVERY_MS,
    failed: (problem) => {
      table.removeAttribute("aria-busy");
      if (problem.isAway && shownPage !== undefined) return;
      table.hidden = true;
      pages.hidden = true;
      state.replaceChildren(failure(problem));
    },
  });
  return () => poller.stop();
}
