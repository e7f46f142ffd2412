import assert from "node:assert/strict";
import test from "node:test";

import { MANY, as, ask, fact, open } from "./stage.mjs";

/** A task that is longer than this holds up a person's next click. On this side of it a slow machine counts too. */
const TASK_MS = 200;
const PAGES = 10;

test("ten thousand calls are paged and scrolled without a long task, in a page that does not grow", as(MANY, async (page) => {
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

test("the overview counts what the API counts", as(MANY, async (page) => {
  // Before the page opens, which may ask at once; and on a busy machine the first statistics take too long, and are asked for again.
  const isStatistics = (answer) => new URL(answer.url()).pathname === "/stats" && answer.status() === 200;
  const answered = page.waitForResponse(isStatistics, { timeout: 120_000 });
  await open(page, "/overview?range=30d");
  const asked = await answered;
  const stats = await asked.json();
  const value = page.locator(".tile .value").first();
  await value.filter({ hasText: stats.total.toLocaleString("en") }).waitFor();
  assert.ok(stats.total > 0.95 * MANY.calls || stats.truncated, `${stats.total}`);
  const { pathname, search } = new URL(asked.url());
  assert.equal((await ask(MANY, "GET", pathname + search)).total, stats.total);
}));

test("a call in which an apology was spoken says so", as(MANY, async (page) => {
  const { calls } = await ask(MANY, "GET", "/calls?status=completed&page_size=100");
  const call = calls.find(({ delivery }) => delivery === "none");
  await open(page, `/calls/${call.call_id}`);
  await page.locator(".notice").getByText("The message was not delivered: an apology was spoken").waitFor();
}));

test("a call of a person who was erased is shown without them", as(MANY, async (page) => {
  await open(page, "/calls?status=queued");
  const row = page.locator("tr[data-call]").first();
  await row.getByText("erased", { exact: true }).waitFor();
  await row.locator("a.to").click();
  await page.getByRole("heading", { name: "Call to erased" }).waitFor();
  for (const name of ["User", "Recording"]) assert.equal(await fact(page, name), "erased");
  assert.equal(await page.locator("blockquote").innerText(), "erased");
  assert.equal(await page.getByRole("button", { name: "Show number" }).count(), 0);
}));
