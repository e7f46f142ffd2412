// How things are written for people.

export const LIVE = new Set(["initiated", "queued", "ringing", "in-progress"]);

export const STATUSES = [
  "initiated", "queued", "ringing", "in-progress", "completed", "busy", "no-answer", "canceled", "failed",
];

const WORDS = {
  initiated: "Initiated",
  queued: "Queued",
  ringing: "Ringing",
  "in-progress": "In progress",
  completed: "Completed",
  busy: "Busy",
  "no-answer": "No answer",
  canceled: "Canceled",
  failed: "Failed",
};

export function statusWord(status) {
  return WORDS[status] ?? status;
}

/** Enough to tell numbers apart, and not enough to dial. */
export function masked(number) {
  return `•••• ${number.slice(-4)}`;
}

let skew = 0;

/** The service's clock, as its answers tell it, where it differs from this machine's. */
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

/** When that was, in the time zone of whoever looks. */
export function when(time) {
  const date = new Date(time);
  const today = new Date(now());
  if (date.toDateString() === today.toDateString()) return CLOCK.format(date);
  const format = date.getFullYear() === today.getFullYear() ? DAY : DAY_OF_YEAR;
  return `${format.format(date)}, ${SHORT_CLOCK.format(date)}`;
}

/** Whether the person was erased: then the call names nobody, and its recordings are gone. */
export function isErased(call) {
  return call.to_number === "";
}

/** Seconds as `0:07`, `12:30` or `1:02:03`. */
export function length(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const pair = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${pair(minutes)}:${pair(whole % 60)}` : `${minutes}:${pair(whole % 60)}`;
}

/** Seconds in words. */
export function inWords(seconds) {
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

export function percent(share) {
  return `${Math.round(share * 1000) / 10}%`;
}

export function plural(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** When a call has taken a status, in milliseconds; undefined where it never has. */
export function took(call, ...statuses) {
  const event = call.events.find((one) => statuses.includes(one.status));
  return event && Date.parse(event.at);
}

/** How long a call has been talking, or was, in seconds; null where it was not. */
export function talked(call) {
  if (call.duration_seconds || call.status === "completed") return call.duration_seconds ?? null;
  const answered = call.status === "in-progress" && took(call, "in-progress");
  return answered ? Math.max(0, (now() - answered) / 1000) : null;
}
