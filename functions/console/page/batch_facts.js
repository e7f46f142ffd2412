// The details of a batch.

import { segment } from "./api.js";
import { machineRows } from "./call_facts.js";
import { h, setText } from "./dom.js";
import { when, wholeTime } from "./format.js";
import { withName } from "./names.js";
import { retryWords } from "./retry_fields.js";

export function batchFacts(batch) {
  const user = h("a", { href: `#/users/${segment(batch.user_id)}` }, batch.user_id);
  withName(batch.user_id, (name) => setText(user, name));
  const time = (at) => at && h("time", { datetime: at, title: wholeTime(at) }, when(at));
  const rows = [
    ["User", user],
    ["Dialled from", time(batch.scheduled_at) ?? "the start of the batch"],
    ["Expires", time(batch.expires_at)],
    ["Calls a second, at most", batch.calls_per_second ?? "as fast as the service allows"],
    ["Retries", batch.retry ? retryWords(batch.retry) : "none"],
    ["Recording", batch.recording_enabled ? "on" : "off"],
    ["Transcripts", batch.transcribe ? "on" : "off"],
    ...machineRows(batch),
    ["Sensitive", batch.sensitive && "words are erased after each call"],
    ["Voice", batch.voice],
    ["Language", batch.language],
    ["Created", time(batch.created_at)],
    ["Created by", batch.created_by && `key “${batch.created_by}”`],
    ["Started", time(batch.started_at)],
    ["Batch id", h("code", {}, batch.batch_id)],
    ...Object.entries(batch.metadata ?? {}),
  ];
  return h(
    "dl",
    { class: "facts" },
    rows.filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );
}
