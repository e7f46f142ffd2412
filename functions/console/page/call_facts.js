// The details and the notices of a call.

import { segment } from "./api.js";
import { h, icon, setText } from "./dom.js";
import { twilioWords } from "./forms.js";
import { fromNow, isErased, when, wholeTime } from "./format.js";
import { withName } from "./names.js";
import { endWords, waitWords } from "./reasons.js";
import { deliveryWord, resultWord } from "./results.js";
import { retryWords } from "./retry_fields.js";

const SIP = {
  404: "the number was not found",
  408: "no answer in time",
  480: "the phone is unavailable",
  486: "the line is busy",
  487: "ended before an answer",
  503: "the carrier was not available",
  603: "declined",
};
const OUTCOMES = {
  pending: "no response from Twilio yet",
  accepted: "Twilio accepted the call",
  refused: "Twilio refused the call",
  unknown: "Twilio's response was lost; the call is not dialled again",
};
const VOICEMAIL = {
  leave_message: "leave a message",
  hang_up: "hang up",
};

/** The details of a call or a batch about answering machines. */
export function machineRows({ voicemail, machine_detection: detection }) {
  return [
    ["Answering machines", voicemail && VOICEMAIL[voicemail.action]],
    ["Answering machine detection", { Enable: "on", DetectMessageEnd: "on, speaks after the greeting" }[detection] ?? (!voicemail && "off")],
  ];
}
const ANSWERED_BY = {
  human: "a person",
  fax: "a fax",
  unknown: "unknown",
  machine_start: "an answering machine",
  machine_end_beep: "an answering machine, after its beep",
  machine_end_silence: "an answering machine, after its greeting",
  machine_end_other: "an answering machine",
};

/** The notice about a failed call, or null. */
export function fault(call) {
  if (!call.error_code && !call.error_message && call.dial_outcome !== "unknown") return null;
  const words = call.error_message ?? (call.dial_outcome === "unknown" ? `${OUTCOMES.unknown}.` : "The call failed.");
  return h(
    "div",
    { class: "notice failed" },
    icon("warning"),
    h("div", {}, h("p", { class: "title" }, words), call.error_code && twilioWords(call.error_code)),
  );
}

/** The notice about a call that waits, or that ended before it was dialled. Null for others. */
export function waiting(call) {
  const isWaiting = call.status === "scheduled";
  const words = isWaiting ? waitWords(call) : endWords(call);
  if (!words) return null;
  const times = [call.due_at && `Due ${wholeTime(call.due_at)}, ${fromNow(call.due_at)}.`, call.expires_at && `Expires ${wholeTime(call.expires_at)}.`];
  return h(
    "div",
    { class: isWaiting ? "notice calm" : "notice" },
    icon(isWaiting ? "clock" : "warning"),
    h("div", {}, h("p", { class: "title" }, words), isWaiting && h("p", { class: "hint" }, times.filter(Boolean).join(" "))),
  );
}

/** The notice about an apology instead of the script, or null. */
export function undelivered(call) {
  if (call.delivery !== "none") return null;
  const words = "The message was not delivered: an apology was spoken.";
  return h("div", { class: "notice failed" }, icon("warning"), h("div", {}, h("p", { class: "title" }, words)));
}

/** A time of the call, or null. */
function time(at) {
  return at && h("time", { datetime: at, title: wholeTime(at) }, when(at));
}

export function facts(call, recording) {
  // The call of an erased person has no user id.
  const user = isErased(call) ? h("span", {}, "erased") : h("a", { href: `#/users/${segment(call.user_id)}` }, call.user_id);
  withName(call.user_id, (name) => setText(user, name));
  const sip = call.sip_response_code;
  const rows = [
    ["User", user],
    ["From", h("span", { class: "number" }, call.from_number)],
    ["Placed", time(call.created_at)],
    ["Scheduled for", time(call.scheduled_at)],
    ["Dialled", call.due_at && time(call.dial_begun_at)],
    ["Expires", ["scheduled", "expired"].includes(call.status) && time(call.expires_at)],
    ["Priority", call.priority && call.priority !== "normal" && call.priority],
    ["Retries", call.retry && retryWords(call.retry)],
    ["Batch", call.batch_id && h("a", { href: `#/batches/${segment(call.batch_id)}` }, call.batch_id)],
    ["Recipient's own id", call.external_id],
    ["Placed by", call.created_by && `key “${call.created_by}”`],
    ["Dialling", OUTCOMES[call.dial_outcome]],
    ["Result", call.result && resultWord(call.result)],
    ["Said", deliveryWord(call.delivery)],
    ["Answered by", call.answered_by && (ANSWERED_BY[call.answered_by] ?? call.answered_by)],
    ["Recording", recording],
    ...machineRows(call),
    ["Sensitive", call.sensitive && (call.words_erased_at ? h("span", {}, "words erased ", time(call.words_erased_at)) : "words are erased after the end")],
    ["Voice", call.voice],
    ["Language", call.language],
    ["Phone network", sip && sip !== 200 && `${SIP[sip] ?? "SIP response"} (${sip})`],
    ["Call id", h("code", {}, call.call_id)],
    ["Twilio SID", call.twilio_sid && h("code", {}, call.twilio_sid)],
    ...Object.entries(call.metadata ?? {}).map(([name, value]) => [name, value]),
  ];
  return h(
    "dl",
    { class: "facts" },
    rows.filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );
}
