// Why calls are refused, wait, or end before they are dialled, in words.

import { fromNow, now, when } from "./format.js";

/** The labels of refusal codes. */
const REFUSALS = {
  country_not_allowed: "Country not allowed",
  number_type_not_allowed: "Number type not allowed",
  number_not_valid: "Invalid number",
  number_blocked: "Blocked number",
  own_number: "Our own number",
  outside_calling_hours: "Outside calling hours",
  no_calling_hours: "No common calling hours",
  user_daily_cap: "Daily limit of the user reached",
  number_daily_cap: "Daily limit of the number reached",
  daily_cap: "Daily limit reached",
  dialing_off: "Dialling is off",
  voice_not_allowed: "Voice not allowed",
  language_not_supported: "Language not supported",
  twilio_refused: "Refused by Twilio",
  pace_exceeded: "No permit to dial in time",
  scheduling_unavailable: "No dial queue",
  transcription_unavailable: "No transcription service",
  speech_price_exceeded: "Speech too expensive",
};

export function refusalWord(code) {
  return REFUSALS[code] ?? code;
}

const WAITS = {
  scheduled_time: "Waits for its time",
  retry_delay: "Waits for the next attempt",
  permit: "Waits for its turn to be dialled",
  calling_hours: "Waits for the calling hours",
  user_daily_cap: "Waits because the daily limit of the user is reached",
  number_daily_cap: "Waits because the daily limit of the number is reached",
  daily_cap: "Waits because the daily limit is reached",
  dialing_off: "Waits because dialling is off",
  batch: "Waits for its turn in its batch, which must run",
  twilio: "Waits because Twilio did not take the call yet",
};

/** Says what a scheduled call waits for. */
export function waitWords(call) {
  return WAITS[call.waiting_for] ?? "Waits";
}

/** Says what a scheduled call waits for and until when: `Waits for its time: Dec 1, 14:00 (in 2 days)`. */
export function waitLine(call) {
  const words = waitWords(call);
  if (!call.due_at) return words;
  const relative = fromNow(call.due_at);
  return Date.parse(call.due_at) < now() ? `${words}, due ${relative}` : `${words}: ${when(call.due_at)} (${relative})`;
}

const ENDS = {
  requested: "A client canceled the call before it was dialled.",
  batch_canceled: "The batch was canceled before the call was dialled.",
  answered: "The attempt before this one was answered after all.",
};

/** Says why a call ended before it was dialled, or returns null. */
export function endWords(call) {
  if (call.status === "expired") return "The call expired before it was dialled.";
  if (!call.status_reason) return null;
  return ENDS[call.status_reason] ?? `Canceled by a rule before the call was dialled: ${refusalWord(call.status_reason).toLowerCase()}.`;
}
