// The download of a batch's results as one CSV file.

import { getCsv, segment, withQuery } from "./api.js";
import { h } from "./dom.js";

const PAGE = 1_000;

/** Gets all pages and saves them as a file. `tell(rows)` gets the number of rows so far. */
export async function downloadResults(batch, tell, signal) {
  // The mark lets spreadsheets read the file as UTF-8.
  const pages = ["\ufeff"];
  let path = withQuery(`/batches/${segment(batch.batch_id)}/results`, { page_size: PAGE });
  let fetched = 0;
  while (path) {
    const { csv, next } = await getCsv(path, signal);
    // Each page has the header.
    pages.push(pages.length === 1 ? csv : csv.slice(csv.indexOf("\n") + 1));
    path = next;
    fetched += 1;
    tell(fetched * PAGE);
  }
  const url = URL.createObjectURL(new Blob(pages, { type: "text/csv" }));
  h("a", { href: url, download: `batch-${batch.batch_id}.csv` }).click();
  URL.revokeObjectURL(url);
}
