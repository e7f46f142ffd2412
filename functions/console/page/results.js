// The result of a call and the delivery of its words, in words.

/** The results that outdial has; any other is an outcome of the call's own steps. */
const RESULTS = {
  completed: "Completed",
  no_input: "No answer",
  hung_up: "Hung up",
  opted_out: "Opted out",
  voicemail_left: "Message left",
  voicemail_missed: "Voicemail missed",
  transferred: "Transferred",
  not_reached: "Not reached",
  error: "Error",
};

const DELIVERIES = {
  full: "everything was said to its end",
  started: "begun; not certain to its end",
  none: "an apology instead",
};

/** The words of the API for its own results. */
export const OWN_RESULTS = Object.keys(RESULTS);

/** A result in words: `Hung up`, or the outcome as the caller named it. */
export function resultWord(result) {
  return RESULTS[result] ?? result.replaceAll("_", " ");
}

/** The result of a call if it says more than the status, in words, or "". */
export function resultNote(call) {
  return call.result && call.result !== "not_reached" ? resultWord(call.result) : "";
}

/** What was said, in words, or null. */
export function deliveryWord(delivery) {
  return DELIVERIES[delivery] ?? null;
}
