// A live list of calls, newest first, one page at a time.

import { get, segment, withQuery } from "./api.js";
import { badge, maskedNumber, setBadge } from "./badge.js";
import { h, icon, patch, say, setAttribute, setText } from "./dom.js";
import { LIVE, length, plural, spoken, talked, when, wholeTime } from "./format.js";
import { nameOf, withName } from "./names.js";
import { Poller } from "./poll.js";
import { waitLine } from "./reasons.js";
import { resultNote } from "./results.js";
import { empty, failure, loading, offerPages } from "./states.js";

const PAGE = 25;
const LIVE_MS = 1_500;
const CALM_MS = 3_000;

function makeRow(call, withUser) {
  const status = badge(call.status);
  const name = h("span", { class: "name" });
  const time = h("time", { datetime: call.created_at, title: wholeTime(call.created_at) });
  const waits = h("p", { class: "waits", hidden: true });
  const recorded = h("td", { class: "recorded" });
  const duration = h("td", { class: "duration" });
  const link = h("a", { class: "to", href: `#/calls/${segment(call.call_id)}` }, maskedNumber(call.to_number));
  const row = h(
    "tr",
    { "data-call": call.call_id },
    h("td", { class: "status" }, status),
    h("td", { class: "whom" }, link, withUser && name),
    h("td", { class: "script" }, h("span", {}, spoken(call)), waits),
    recorded,
    duration,
    h("td", { class: "time" }, time),
  );
  row.addEventListener("click", (event) => {
    if (!event.target.closest("a") && !getSelection().toString()) link.click();
  });
  Object.assign(row, { parts: { status, name, waits, recorded, time, duration }, call });
  if (withUser) {
    setText(name, nameOf(call.user_id) ?? "");
    withName(call.user_id, (text) => setText(name, text));
  }
  return row;
}

function updateRow(row, call) {
  const { status, waits, recorded, time, duration } = row.parts;
  row.call = call;
  setBadge(status, call.status);
  const note = call.status === "scheduled" ? waitLine(call) : resultNote(call);
  waits.hidden = !note;
  setText(waits, note);
  setText(time, when(call.created_at));
  const seconds = talked(call);
  setText(duration, seconds === null ? "–" : length(seconds));
  // Only a completed recording has a URL. `recording_enabled` doesn't mean that there is one.
  const isRecorded = Boolean(call.recording_url);
  if (isRecorded !== recorded.hasChildNodes()) {
    recorded.replaceChildren(...(isRecorded ? [icon("recorded"), h("span", { class: "unseen" }, "recorded")] : []));
  }
}

/**
 * Fills `place` with the calls of `path` and `query`. `whenEmpty()` returns the placeholder for no calls.
 * Returns a function that stops polling.
 */
export function callsList(place, { path, query, withUser, whenEmpty }) {
  // The cursors of the earlier pages and of this one.
  const before = [];
  let cursor = null;
  let next = null;
  let first = true;
  const rows = new Map();
  const body = h("tbody");
  const table = h(
    "table",
    { class: withUser ? "calls" : "calls of-user", hidden: true },
    h("caption", { class: "unseen" }, "Calls, newest first"),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        ["Status", "To", "Script"].map((title) => h("th", { scope: "col" }, title)),
        h("th", { scope: "col" }, h("span", { class: "unseen" }, "Recorded")),
        h("th", { scope: "col", class: "duration" }, "Duration"),
        h("th", { scope: "col", class: "time" }, "Placed"),
      ),
    ),
    body,
  );
  const newer = h("button", { class: "button", type: "button" }, icon("back"), "Newer");
  const older = h("button", { class: "button", type: "button" }, "Older", icon("forth"));
  const place_ = h("span", { class: "where" });
  const pages = h("nav", { class: "pages", "aria-label": "Pages of calls", hidden: true }, place_, newer, older);
  const state = h("div", { class: "state" }, loading("calls"));
  place.replaceChildren(table, state, pages);

  const go = () => {
    setAttribute(table, "aria-busy", "true");
    newer.disabled = true;
    older.disabled = true;
    poller.now();
  };
  newer.addEventListener("click", () => {
    cursor = before.pop() ?? null;
    go();
  });
  older.addEventListener("click", () => {
    before.push(cursor);
    cursor = next;
    go();
  });

  const show = ({ calls, next_cursor }, requested) => {
    if (requested !== cursor) {
      poller.now();
      return;
    }
    const fresh = calls.filter((call) => !rows.has(call.call_id)).length;
    const isSamePage = place.page === requested;
    next = next_cursor ?? null;
    patch(
      body,
      rows,
      calls,
      (call) => call.call_id,
      (call) => {
        const row = makeRow(call, withUser);
        if (isSamePage && !first) row.classList.add("fresh");
        return row;
      },
      updateRow,
    );
    if (!first && isSamePage && fresh > 0 && cursor === null) say(`${plural(fresh, "new call")} in the list`);
    if (!first && !isSamePage) {
      say(`Page ${before.length + 1}, ${plural(calls.length, "call")}`);
      if (table.getBoundingClientRect().top < 0) table.scrollIntoView({ block: "start" });
    }
    place.page = requested;
    first = false;
    table.hidden = calls.length === 0;
    table.removeAttribute("aria-busy");
    state.replaceChildren();
    if (calls.length === 0) state.append(before.length > 0 ? empty("No calls on this page", "Go back to newer calls.") : whenEmpty());
    offerPages({ newer, older, pages }, before.length > 0, next !== null);
    setText(place_, `Page ${before.length + 1}`);
  };

  const poller = new Poller({
    load: async (signal) => {
      const requested = cursor;
      show(await get(withQuery(path, { ...query, page_size: PAGE, cursor: requested }), signal), requested);
    },
    every: () => ([...rows.values()].some(({ call }) => LIVE.has(call.status)) ? LIVE_MS : CALM_MS),
    failed: (problem) => {
      table.removeAttribute("aria-busy");
      if (problem.code === "validation_failed" && cursor !== null) {
        before.length = 0;
        cursor = null;
        poller.now();
      } else if (!problem.isAway || first) {
        table.hidden = true;
        pages.hidden = true;
        state.replaceChildren(failure(problem));
      }
    },
  });
  // The duration of a live call counts up between two responses, and the time until a scheduled one counts down.
  const ticking = setInterval(() => {
    for (const row of rows.values()) if (LIVE.has(row.call.status) || row.call.status === "scheduled") updateRow(row, row.call);
  }, 1_000);
  return () => {
    clearInterval(ticking);
    poller.stop();
  };
}
