// How a batch's counts changed over time: from its results, and from what the page sees while it is open.

import { get, segment, withQuery } from "./api.js";
import { LIVE } from "./format.js";

/** The most recipients whose results are read: two requests. */
const RECIPIENTS_MAX = 2_000;
const PAGE = 1_000;
/** The most points. When there are more, every second one goes. */
const POINTS_MAX = 240;

const hasEnded = (status) => status !== "scheduled" && !LIVE.has(status);

/** Reads when each recipient's last call ended, oldest first. */
async function endsOf(batch, signal) {
  const ends = [];
  let cursor = null;
  do {
    const path = withQuery(`/batches/${segment(batch.batch_id)}/results`, { page_size: PAGE, cursor });
    const page = await get(path, signal);
    for (const { status, updated_at } of page.results) if (hasEnded(status)) ends.push({ status, at: Date.parse(updated_at) });
    cursor = page.next_cursor;
  } while (cursor);
  return ends.sort((one, other) => one.at - other.at);
}

export class History {
  constructor() {
    this.points = [];
    this.isRead = false;
    /** True if the points begin with a straight line, because the results were not read. */
    this.isGuessed = false;
  }

  /** Reads the course before now, once, if the batch has started. */
  async read(batch, signal) {
    if (this.isRead || !batch.started_at) return;
    this.points = [{ at: Date.parse(batch.started_at), by: {} }];
    const { recipients, by_status: by } = batch.progress;
    const isEmpty = !Object.keys(by).some(hasEnded);
    this.isGuessed = !isEmpty && recipients > RECIPIENTS_MAX;
    if (!isEmpty && !this.isGuessed) {
      const sums = {};
      for (const { status, at } of await endsOf(batch, signal)) {
        sums[status] = (sums[status] ?? 0) + 1;
        this.points.push({ at: Math.max(at, this.points.at(-1).at), by: { ...sums } });
      }
    }
    this.isRead = true;
    this.thin();
  }

  /** Adds the counts at a time in milliseconds. */
  add(at, by) {
    const [before, last] = this.points.slice(-2);
    const isSame = (one) => one && JSON.stringify(one.by) === JSON.stringify(by);
    // Of equal points, the first and the last are enough.
    if (isSame(before) && isSame(last)) last.at = Math.max(at, last.at);
    else this.points.push({ at: Math.max(at, this.points.at(-1)?.at ?? at), by });
    this.thin();
  }

  thin() {
    while (this.points.length > POINTS_MAX) this.points = this.points.filter((_, nth) => nth % 2 === 0 || nth === this.points.length - 1);
  }
}
