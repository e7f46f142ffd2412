// The API, asked as any client asks it. The key is a variable of this module and is nowhere else.

import { setServerTime } from "./format.js";

const TIME_OUT_MS = 30_000;
const KEPT_MAX = 60;

let key = "";
/** The last answers to GET, by path, for `If-None-Match`. */
const kept = new Map();

/** StatusOutcome of `unauthorized`, `away` and `back`; the first two bring the problem as `detail`. */
export const events = new EventTarget();

function tell(name, detail) {
  events.dispatchEvent(new CustomEvent(name, { detail }));
}

/** Why something was refused, in the API's own words. */
export class Problem extends Error {
  constructor(status, document, retryAfter) {
    super(document.detail || document.message || document.title || `The API answered ${status}.`);
    this.status = status;
    this.code = document.code ?? null;
    this.errors = Array.isArray(document.errors) ? document.errors : [];
    this.requestId = document.request_id ?? null;
    this.twilioCode = document.twilio_code ?? null;
    this.twilioMessage = document.twilio_message ?? null;
    this.nextAllowedAt = document.next_allowed_at ?? null;
    this.retryAfterMs = retryAfter ? retryAfter * 1000 : null;
  }

  /** Whether the service itself is away, rather than this one request refused. */
  get isAway() {
    return this.status === 0 || this.code === "unavailable" || (this.status >= 502 && this.code === null);
  }

  /** Whether the request may have been carried out all the same. */
  get isOpen() {
    const refused = ["twilio_refused", "twilio_unreachable", "dialing_off"];
    return this.status === 0 || this.code === "request_in_progress" || (this.status >= 500 && !refused.includes(this.code));
  }
}

export function setKey(text) {
  key = text;
  kept.clear();
}

async function send(method, path, { body, headers = {}, signal } = {}) {
  const limit = AbortSignal.timeout(TIME_OUT_MS);
  const request = {
    method,
    headers: { Accept: "application/json", ...headers },
    cache: "no-store",
    credentials: "omit",
    referrerPolicy: "no-referrer",
    signal: signal ? AbortSignal.any([signal, limit]) : limit,
  };
  if (key) request.headers.Authorization = `Bearer ${key}`;
  if (body !== undefined) {
    request.headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, request);
    const date = Date.parse(answer.headers.get("Date") ?? "");
    if (date) setServerTime(date);
    const text = await answer.text();
    return { answer, document: text ? JSON.parse(text) : {} };
  } catch (error) {
    if (signal?.aborted) throw error;
    if (answer && error instanceof SyntaxError) return { answer, document: {} };
    throw new Problem(0, {
      detail: limit.aborted ? "The API does not answer in time." : "The API cannot be reached.",
    });
  }
}

async function ask(method, path, options) {
  let problem;
  try {
    const { answer, document } = await send(method, path, options);
    if (answer.ok || answer.status === 304) {
      // Only the database makes an answer of these current.
      if (path !== "/health") tell("back");
      return { answer, document };
    }
    problem = new Problem(answer.status, document, Number(answer.headers.get("Retry-After")));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    problem = error;
  }
  if (problem.status === 401) tell("unauthorized", problem);
  else if (problem.isAway) tell("away", problem);
  // These two have looked into the database.
  else if (problem.status === 404 || problem.status === 409) tell("back");
  throw problem;
}

/** GET; what has not changed since the last time is the same object as then. */
export async function get(path, signal) {
  const known = kept.get(path);
  const headers = known ? { "If-None-Match": known.tag } : {};
  const { answer, document } = await ask("GET", path, { headers, signal });
  if (answer.status === 304) return known.document;
  kept.delete(path);
  const tag = answer.headers.get("ETag");
  if (tag) {
    kept.set(path, { tag, document });
    if (kept.size > KEPT_MAX) kept.delete(kept.keys().next().value);
  }
  return document;
}

/** How the service is doing, which it tells with a 503 too. */
export async function health(signal) {
  const { answer, document } = await send("GET", "/health", { signal });
  if (answer.ok || document.database) return document;
  const problem = new Problem(answer.status, document);
  if (problem.status === 401) tell("unauthorized", problem);
  throw problem;
}

export async function post(path, body, idempotencyKey) {
  const headers = idempotencyKey ? { "Idempotency-Key": idempotencyKey } : {};
  return (await ask("POST", path, { body, headers })).document;
}

export async function change(path, body) {
  return (await ask("PATCH", path, { body })).document;
}

export async function remove(path) {
  await ask("DELETE", path);
}

/** A path with a query of what is given. */
export function withQuery(path, query) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length > 0 ? `${path}?${new URLSearchParams(given)}` : path;
}

/** A segment of a path, whatever it holds. */
export const segment = encodeURIComponent;
