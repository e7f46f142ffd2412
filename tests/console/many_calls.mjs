// A service with ten thousand calls.

import assert from "node:assert/strict";
import test from "node:test";

import { MANY, callApi, fact, open, signedIn } from "./support.mjs";

/** The longest task that the browser may run at once. The value leaves room for a slow machine. */
const TASK_MS = 200;
const PAGES = 10;

test("paging through ten thousand calls has no long tasks and does not grow the page", signedIn(MANY, async (page) => {
  await page.evaluate(() => {
    window.tasks = [];
    new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: "longtask" });
  });
  const rows = () => page.locator("tr[data-call]").evaluateAll((all) => all.map((row) => row.dataset.call));
  await page.locator("tr[data-call]").first().waitFor();
  const first = await rows();
  const seen = new Set(first);
  const size = () => page.evaluate(() => document.querySelectorAll("*").length);
  const begun = await size();
  for (let nth = 2; nth <= PAGES; nth += 1) {
    await page.mouse.wheel(0, 3_000);
    await page.getByRole("button", { name: "Older" }).click();
    await page.locator(".where").getByText(`Page ${nth}`, { exact: true }).waitFor();
    for (const call of await rows()) {
      assert.ok(!seen.has(call), "no call comes twice");
      seen.add(call);
    }
  }
  assert.equal(seen.size, PAGES * first.length);
  assert.ok((await size()) < begun * 1.5, `${begun} elements became ${await size()}`);
  for (let nth = PAGES - 1; nth >= 1; nth -= 1) {
    await page.getByRole("button", { name: "Newer" }).click();
    await page.locator(".where").getByText(`Page ${nth}`, { exact: true }).waitFor();
  }
  assert.deepEqual(await rows(), first);
  const longest = Math.max(0, ...(await page.evaluate(() => window.tasks)));
  assert.ok(longest < TASK_MS, `a task of ${longest} ms`);
}));

test("the overview shows the API's statistics", signedIn(MANY, async (page) => {
  // Wait from before the page opens, and for long: on a busy machine the first statistics time out and are retried.
  const isStatistics = (response) => new URL(response.url()).pathname === "/stats" && response.status() === 200;
  const waiting = page.waitForResponse(isStatistics, { timeout: 120_000 });
  await open(page, "/overview?range=30d");
  const response = await waiting;
  const stats = await response.json();
  const value = page.locator(".tile .value").first();
  await value.filter({ hasText: stats.total.toLocaleString("en") }).waitFor();
  assert.ok(stats.total > 0.95 * MANY.calls || stats.truncated, `${stats.total}`);
  const { pathname, search } = new URL(response.url());
  assert.equal((await callApi(MANY, "GET", pathname + search)).total, stats.total);
}));

test("a call with an apology shows that the message was not delivered", signedIn(MANY, async (page) => {
  const { calls } = await callApi(MANY, "GET", "/calls?status=completed&page_size=100");
  const call = calls.find(({ delivery }) => delivery === "none");
  await open(page, `/calls/${call.call_id}`);
  await page.locator(".notice").getByText("The message was not delivered: an apology was spoken").waitFor();
}));

test("a call of an erased person is shown without personal data", signedIn(MANY, async (page) => {
  await open(page, "/calls?status=queued");
  const row = page.locator("tr[data-call]").first();
  await row.getByText("erased", { exact: true }).waitFor();
  await row.locator("a.to").click();
  await page.getByRole("heading", { name: "Call to erased" }).waitFor();
  for (const name of ["User", "Recording"]) assert.equal(await fact(page, name), "erased");
  assert.equal(await page.locator("blockquote").innerText(), "erased");
  assert.equal(await page.getByRole("button", { name: "Show number" }).count(), 0);
}));
