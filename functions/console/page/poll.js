// Polling with one request at a time, less often in a hidden or idle page and after failures.

const HIDDEN_MS = 60_000;
const AWAY_AFTER_MS = 180_000;
const AWAY_MS = 20_000;
const FAILED_MS = [2_000, 4_000, 8_000, 15_000];
const RETRY_AFTER_MAX_MS = 30_000;

let touched = Date.now();
const pollers = new Set();

for (const name of ["pointerdown", "pointermove", "keydown", "wheel"]) {
  addEventListener(
    name,
    () => {
      const wasAway = Date.now() - touched > AWAY_AFTER_MS;
      touched = Date.now();
      if (wasAway) pollers.forEach((poller) => poller.now());
    },
    { passive: true, capture: true },
  );
}
addEventListener("online", () => pollers.forEach((poller) => poller.now()));
document.addEventListener("visibilitychange", () => pollers.forEach((poller) => poller.visibilityChanged()));

/** Makes all pollers load immediately. */
export function pollNow() {
  pollers.forEach((poller) => poller.now());
}

export class Poller {
  /**
   * `load(signal)` sends the request. `every()` returns the milliseconds until the next one, or null to stop.
   * `failed(problem)` handles an error.
   */
  constructor({ load, every, failed }) {
    Object.assign(this, { load, every, failed });
    this.failures = 0;
    this.controller = null;
    this.timer = null;
    this.again = false;
    pollers.add(this);
    this.run();
  }

  /** Loads now, or again after the current request. */
  now() {
    if (!pollers.has(this)) return;
    if (this.controller) this.again = true;
    else this.run();
  }

  stop() {
    pollers.delete(this);
    clearTimeout(this.timer);
    this.controller?.abort();
  }

  visibilityChanged() {
    if (document.hidden) this.schedule();
    else this.now();
  }

  async run() {
    clearTimeout(this.timer);
    const controller = new AbortController();
    this.controller = controller;
    let pause = null;
    try {
      await this.load(controller.signal);
      this.failures = 0;
    } catch (problem) {
      if (controller.signal.aborted) return;
      pause = Math.max(FAILED_MS[Math.min(this.failures, FAILED_MS.length - 1)], Math.min(problem.retryAfterMs ?? 0, RETRY_AFTER_MAX_MS));
      this.failures += 1;
      this.failed?.(problem);
      if (problem.status === undefined) console.error(problem);
    }
    this.controller = null;
    if (!pollers.has(this)) return;
    if (this.again) {
      this.again = false;
      this.run();
    } else {
      this.schedule(pause);
    }
  }

  schedule(pause = null) {
    if (this.controller || !pollers.has(this)) return;
    clearTimeout(this.timer);
    let wait = pause ?? this.every();
    if (wait === null) return;
    if (document.hidden) wait = Math.max(wait, HIDDEN_MS);
    else if (pause === null && Date.now() - touched > AWAY_AFTER_MS) wait = Math.max(wait, AWAY_MS);
    this.timer = setTimeout(() => this.run(), wait);
  }
}
