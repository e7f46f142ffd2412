// Formatting of numbers, times and statuses.

export const LIVE = new Set(["initiated", "queued", "ringing", "in-progress"]);

export const STATUSES = [
  "scheduled", "initiated", "queued", "ringing", "in-progress", "completed", "busy", "no-answer", "canceled", "failed", "expired",
];

const WORDS = {
  scheduled: "Scheduled",
  initiated: "Initiated",
  queued: "Queued",
  ringing: "Ringing",
  "in-progress": "In progress",
  completed: "Completed",
  busy: "Busy",
  "no-answer": "No answer",
  canceled: "Canceled",
  failed: "Failed",
  expired: "Expired",
  draft: "Draft",
  running: "Running",
  paused: "Paused",
  canceling: "Canceling",
  // A later version of the service stored the status.
  unknown: "Unknown",
};

export function statusWord(status) {
  return WORDS[status] ?? status;
}

/** Shows only the last four digits, so the number can be recognized but not dialled. */
export function masked(number) {
  return `•••• ${number.slice(-4)}`;
}

let skew = 0;

/** Stores the difference between the service's clock and this machine's, if it is over two seconds. */
export function setServerTime(time) {
  const difference = time - Date.now();
  skew = Math.abs(difference) > 2000 ? difference : 0;
}

export function now() {
  return Date.now() + skew;
}

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const SHORT_CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en", { month: "short", day: "numeric" });
const DAY_OF_YEAR = new Intl.DateTimeFormat("en", { year: "numeric", month: "short", day: "numeric" });
const WHOLE = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "long", hourCycle: "h23" });
const COUNT = new Intl.NumberFormat("en");

export const clock = (time) => CLOCK.format(new Date(time));
export const shortClock = (time) => SHORT_CLOCK.format(new Date(time));
export const day = (time) => DAY.format(new Date(time));
export const wholeTime = (time) => WHOLE.format(new Date(time));
export const count = (number) => COUNT.format(number);

/** Formats a time in the browser's time zone. */
export function when(time) {
  const date = new Date(time);
  const today = new Date(now());
  if (date.toDateString() === today.toDateString()) return CLOCK.format(date);
  const format = date.getFullYear() === today.getFullYear() ? DAY : DAY_OF_YEAR;
  return `${format.format(date)}, ${SHORT_CLOCK.format(date)}`;
}

const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];

/** Formats a time relative to now: `in 3 hours`, `5 minutes ago`. */
export function fromNow(time) {
  const seconds = (Date.parse(time) - now()) / 1000;
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return RELATIVE.format(Math.trunc(seconds / size), unit);
}

/** The browser's time zone, for example `Europe/Berlin`. */
export const ZONE = new Intl.DateTimeFormat().resolvedOptions().timeZone;

/** True if the person was erased. The call then has no number and no recordings. */
export function isErased(call) {
  return call.to_number === "";
}

/** Formats seconds as `0:07`, `12:30` or `1:02:03`. */
export function length(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const pair = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${pair(minutes)}:${pair(whole % 60)}` : `${minutes}:${pair(whole % 60)}`;
}

const two = (large, unit, small, smaller) => `${large} ${unit}${small > 0 ? ` ${small} ${smaller}` : ""}`;

/** Formats seconds with units. */
export function inWords(seconds) {
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`;
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  if (whole < 120) return `${whole} s`;
  if (minutes < 120) return two(minutes, "min", whole % 60, "s");
  if (minutes < 2_880) return two(Math.floor(minutes / 60), "h", minutes % 60, "min");
  return two(Math.floor(minutes / 1_440), "d", Math.floor(minutes / 60) % 24, "h");
}

export function percent(share) {
  return `${Math.round(share * 1000) / 10}%`;
}

export function plural(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** Returns the time of a call's first event with one of these statuses, in milliseconds, or undefined. */
export function took(call, ...statuses) {
  const event = call.events.find((one) => statuses.includes(one.status));
  return event && Date.parse(event.at);
}

/** Returns the time of a call's end in milliseconds, or undefined. */
export function ended(call) {
  return took(call, "completed", "busy", "no-answer", "canceled", "failed", "expired");
}

/** Returns the duration of the conversation so far in seconds, or null without one. */
export function talked(call) {
  if (call.duration_seconds || call.status === "completed") return call.duration_seconds ?? null;
  const answered = call.status === "in-progress" && took(call, "in-progress");
  return answered ? Math.max(0, (now() - answered) / 1000) : null;
}

/** The words of a call or a batch: its script, or those of its steps. */
export function spoken(call) {
  if (call.words_erased_at) return "erased";
  if (call.script !== null) return call.script;
  const words = (prompt) => (prompt ?? []).map((part) => part.text ?? part.ssml ?? part.spell).join(" ");
  const steps = (call.steps ?? []).map((step) => words(step.say ?? step.ask));
  return steps.filter(Boolean).join("\n");
}
