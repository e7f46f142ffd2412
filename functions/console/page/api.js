// A client of the public API. Only a variable of this module holds the key.

import { setServerTime } from "./format.js";

const TIME_OUT_MS = 30_000;
const KEPT_MAX = 60;

let key = "";
/** The last responses to GET by path, for `If-None-Match`. */
const kept = new Map();

/** Emits `unauthorized`, `away` and `back`. The first two have the problem as `detail`. */
export const events = new EventTarget();

function emit(name, detail) {
  events.dispatchEvent(new CustomEvent(name, { detail }));
}

/** An error response of the API. */
export class Problem extends Error {
  constructor(status, document, retryAfter) {
    super(document.detail || document.message || document.title || `The API responded with ${status}.`);
    this.status = status;
    this.code = document.code ?? null;
    this.errors = Array.isArray(document.errors) ? document.errors : [];
    this.requestId = document.request_id ?? null;
    this.twilioCode = document.twilio_code ?? null;
    this.twilioMessage = document.twilio_message ?? null;
    this.nextAllowedAt = document.next_allowed_at ?? null;
    this.retryAfterMs = retryAfter ? retryAfter * 1000 : null;
  }

  /** True if the service is unavailable, false if it refused the request. */
  get isAway() {
    return this.status === 0 || this.code === "unavailable" || (this.status >= 502 && this.code === null);
  }

  /** True if the request may have taken effect. */
  get isOpen() {
    const refused = ["twilio_refused", "twilio_unreachable", "dialing_off"];
    return this.status === 0 || this.code === "request_in_progress" || (this.status >= 500 && !refused.includes(this.code));
  }
}

export function setKey(text) {
  key = text;
  kept.clear();
}

async function send(method, path, { body, csv, headers = {}, signal, isText } = {}) {
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
  } else if (csv !== undefined) {
    request.headers["Content-Type"] = "text/csv; charset=utf-8";
    request.body = csv;
  }
  let response;
  try {
    response = await fetch(path, request);
    const date = Date.parse(response.headers.get("Date") ?? "");
    if (date) setServerTime(date);
    const text = await response.text();
    if (isText && response.ok) return { response, document: text };
    return { response, document: text ? JSON.parse(text) : {} };
  } catch (error) {
    if (signal?.aborted) throw error;
    if (response && error instanceof SyntaxError) return { response, document: {} };
    throw new Problem(0, {
      detail: limit.aborted ? "The API did not respond in time." : "The API cannot be reached.",
    });
  }
}

async function ask(method, path, options) {
  let problem;
  try {
    const { response, document } = await send(method, path, options);
    if (response.ok || response.status === 304) {
      // Every path except `/health` needs the database.
      if (path !== "/health") emit("back");
      return { response, document };
    }
    problem = new Problem(response.status, document, Number(response.headers.get("Retry-After")));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    problem = error;
  }
  if (problem.status === 401) emit("unauthorized", problem);
  else if (problem.isAway) emit("away", problem);
  // These two responses need the database.
  else if (problem.status === 404 || problem.status === 409) emit("back");
  throw problem;
}

/** Sends a GET. An unchanged document is the same object as last time. */
export async function get(path, signal) {
  const known = kept.get(path);
  const headers = known ? { "If-None-Match": known.tag } : {};
  const { response, document } = await ask("GET", path, { headers, signal });
  if (response.status === 304) return known.document;
  kept.delete(path);
  const tag = response.headers.get("ETag");
  if (tag) {
    kept.set(path, { tag, document });
    if (kept.size > KEPT_MAX) kept.delete(kept.keys().next().value);
  }
  return document;
}

/** Returns the health report, also from a 503. */
export async function health(signal) {
  const { response, document } = await send("GET", "/health", { signal });
  if (response.ok || document.database) return document;
  const problem = new Problem(response.status, document);
  if (problem.status === 401) emit("unauthorized", problem);
  throw problem;
}

export async function post(path, body, idempotencyKey) {
  const headers = idempotencyKey ? { "Idempotency-Key": idempotencyKey } : {};
  return (await ask("POST", path, { body, headers })).document;
}

/** Sends a table. A table is longer than other requests, and a repeat of it has no further effect. */
export async function postCsv(path, csv, signal) {
  return (await ask("POST", path, { csv, signal })).document;
}

/** Gets a page of a table as CSV, and the path of the next page or null. */
export async function getCsv(path, signal) {
  const { response, document } = await ask("GET", path, { headers: { Accept: "text/csv" }, signal, isText: true });
  const [, next] = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get("Link") ?? "") ?? [];
  return { csv: document, next: next ?? null };
}

export async function change(path, body) {
  return (await ask("PATCH", path, { body })).document;
}

export async function remove(path) {
  await ask("DELETE", path);
}

/** Adds the non-empty parameters to a path. */
export function withQuery(path, query) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length > 0 ? `${path}?${new URLSearchParams(given)}` : path;
}

/** Encodes a path segment. */
export const segment = encodeURIComponent;
