// The fields for retries, and retries in words.

import { checks, text } from "./controls.js";
import { h } from "./dom.js";
import { field, fieldProblem } from "./forms.js";
import { inWords, wholeTime } from "./format.js";

const REASONS = [
  ["busy", "Busy"],
  ["no-answer", "No answer"],
  ["failed", "Failed"],
  ["voicemail", "Voicemail"],
  ["no_input", "No key"],
];
const NONE = { max_attempts: 1, on: ["busy", "no-answer", "failed"], delays_seconds: [300, 3_600] };

/** Lists words: `busy, no answer or failed`. */
function either(words) {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/** Says when a call is tried again. */
export function retryWords({ max_attempts, on, delays_seconds, expires_at }) {
  const reasons = either(REASONS.filter(([value]) => on.includes(value)).map(([, word]) => word.toLowerCase()));
  const used = delays_seconds.slice(0, Math.max(1, max_attempts - 1));
  const delays = used.map(inWords).join(", then ");
  return `Up to ${max_attempts} attempts if ${reasons}, after ${delays}${expires_at ? `, until ${wholeTime(expires_at)}` : ""}`;
}

/** The fields for retries. `read()` returns them for a body, or null for none. `value` is the call's present ones. */
export function retryFields(value) {
  const begun = value ?? NONE;
  const attempts = field({
    name: "retry.max_attempts",
    label: "Attempts",
    control: text({ type: "number", min: 1, max: 10, value: begun.max_attempts, inputmode: "numeric" }),
    hint: "The first one included. 1: no retries.",
  });
  const delays = field({
    name: "retry.delays_seconds",
    label: "Minutes between attempts",
    control: text({ value: begun.delays_seconds.map((seconds) => seconds / 60).join(", "), placeholder: "5, 60" }),
    hint: "With commas between them. The last one repeats.",
  });
  const on = checks({ name: "retry.on", label: "Try again after", options: REASONS, checked: begun.on });
  const element = h("div", { class: "group" }, h("div", { class: "pair" }, attempts.element, delays.element), on.element);
  const read = () => {
    const max = Number(attempts.control.value);
    if (!attempts.control.value || !Number.isInteger(max)) throw fieldProblem(attempts.name, "must be a whole number");
    if (max === 1) return null;
    const minutes = delays.control.value.split(/[\s,;]+/).filter(Boolean).map(Number);
    if (minutes.some((one) => !(one >= 0))) throw fieldProblem(delays.name, "must be numbers, such as 5, 60");
    return { max_attempts: max, on: on.values(), delays_seconds: minutes.map((one) => Math.round(one * 60)) };
  };
  const fingerprint = (retry) => JSON.stringify(retry && [retry.max_attempts, [...retry.on].sort(), retry.delays_seconds]);
  return { fields: [attempts, delays, on], element, read, isChanged: () => fingerprint(read()) !== fingerprint(value ?? null) };
}
