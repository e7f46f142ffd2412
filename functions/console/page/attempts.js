// All attempts of a call as one story: each attempt, and the delays between them.

import { get, segment, withQuery } from "./api.js";
import { badge, setBadge } from "./badge.js";
import { h, setAttribute, setText } from "./dom.js";
import { LIVE, ended, fromNow, inWords, talked, when, wholeTime } from "./format.js";
import { waitWords } from "./reasons.js";
import { resultNote } from "./results.js";
import { retryWords } from "./retry_fields.js";

/** More than a call can have. */
const PAGE = 20;

/** Gets the attempts of a call with retries, the first one first. */
export async function attemptsOf(call, signal) {
  const { calls } = await get(withQuery("/calls", { first_call_id: call.first_call_id, page_size: PAGE }), signal);
  return calls.sort((one, other) => one.attempt - other.attempt);
}

/** When the attempt was dialled or is due, in milliseconds. */
function begun(call) {
  return Date.parse(call.dial_begun_at ?? call.due_at ?? call.created_at);
}

/** A pause in words. Twilio's times are whole seconds, so long pauses are whole minutes. */
function pauseWords(seconds) {
  return inWords(seconds < 120 ? Math.round(seconds) : Math.round(seconds / 60) * 60);
}

/** Says what became of an attempt. */
function outcome(call) {
  if (call.status === "scheduled") return waitWords(call);
  const seconds = talked(call);
  if (seconds === null) return "";
  const who = { human: " with a person", fax: " with a fax" }[call.answered_by] ?? (call.answered_by?.startsWith("machine") ? " with a machine" : "");
  const note = resultNote(call).toLowerCase();
  return `${inWords(Math.floor(seconds))} in call${who}${note && `: ${note}`}`;
}

function makeItem() {
  const delay = h("p", { class: "delay" });
  const status = badge("scheduled");
  const link = h("a", {});
  const time = h("time", {});
  const words = h("span", { class: "words" });
  const box = h("div", { class: "attempt" }, h("p", {}, link, status), h("p", { class: "hint" }, time, words));
  return Object.assign(h("li", {}, delay, box), { parts: { delay, status, link, time, words, box } });
}

function updateItem({ parts }, call, before, current) {
  const isWaiting = call.status === "scheduled";
  const end = before && ended(before);
  const pause = end ? Math.max(0, (begun(call) - end) / 1000) : null;
  setText(parts.delay, pause === null ? "" : `${pauseWords(pause)} later`);
  parts.delay.hidden = pause === null;
  setText(parts.link, `Attempt ${call.attempt}`);
  setAttribute(parts.link, "href", `#/calls/${segment(call.call_id)}`);
  setAttribute(parts.link, "aria-current", call.call_id === current.call_id ? "true" : null);
  setAttribute(parts.box, "data-status", call.status);
  setBadge(parts.status, call.status);
  const at = new Date(begun(call)).toISOString();
  setText(parts.time, isWaiting ? `${when(at)} (${fromNow(at)})` : when(at));
  setAttribute(parts.time, "datetime", at);
  setAttribute(parts.time, "title", wholeTime(at));
  setText(parts.words, outcome(call));
}

/** Says how the story ended, or what may follow. */
function conclusion(call, attempts) {
  if (call.reached) return "A person was reached.";
  const last = attempts.at(-1);
  if (last.status === "scheduled" || LIVE.has(last.status)) return "";
  if (last.attempt >= call.retry.max_attempts) return "No attempt is left.";
  return call.reached === false ? "No attempt follows." : "";
}

/** Creates the story. `update(call, attempts)` shows it. */
export function attemptsView() {
  const list = h("ol", { class: "story" });
  const budget = h("p", { class: "hint" });
  const end = h("p", { class: "conclusion" });
  const element = h("section", { class: "card", hidden: true, "aria-label": "Attempts" }, h("h2", {}, "Attempts"), list, end, budget);
  return {
    element,
    update(call, attempts) {
      element.hidden = !call.retry || attempts.length === 0;
      if (element.hidden) return;
      while (list.children.length > attempts.length) list.lastElementChild.remove();
      attempts.forEach((one, nth) => {
        if (!list.children[nth]) list.append(makeItem());
        updateItem(list.children[nth], one, attempts[nth - 1], call);
      });
      setText(end, conclusion(call, attempts));
      end.hidden = end.textContent === "";
      setText(budget, `${retryWords(call.retry)}.`);
    },
  };
}
