// Outages of the database.

import assert from "node:assert/strict";
import test from "node:test";

import { FEW, database, newCall, newUser, open, signedIn } from "./support.mjs";

test("during an outage a banner appears and the data stays, and the page recovers automatically", signedIn(FEW, async (page) => {
  const call = await newCall(FEW, await newUser(FEW));
  const row = page.locator(`tr[data-call="${call.call_id}"]`);
  await row.waitFor();
  const banner = page.locator(".banner");
  try {
    database.disconnect();
    await banner.waitFor();
    assert.match(await banner.innerText(), /database|unavailable|away/i);
    assert.ok(await row.isVisible());
    await open(page, "/overview");
    await page.locator('.parts [data-reach="down"]').waitFor();
  } finally {
    database.reconnect();
  }
  await banner.waitFor({ state: "hidden" });
  await page.locator(".plot .bar").first().waitFor();
  await open(page, "/calls");
  await row.waitFor();
}));

test("a view that was opened during an outage loads after it", signedIn(FEW, async (page) => {
  const user = await newUser(FEW);
  const call = await newCall(FEW, user);
  await page.locator(`tr[data-call="${call.call_id}"]`).waitFor();
  for (const path of [`/users/${user.id}`, `/calls/${call.call_id}`]) {
    try {
      database.disconnect();
      await page.evaluate(() => (location.hash = "#/overview"));
      await page.locator(".banner").waitFor();
      await open(page, path);
      await page.locator(".empty.failed").waitFor();
    } finally {
      database.reconnect();
    }
    await page.locator(".banner").waitFor({ state: "hidden" });
    await page.locator(".empty.failed").waitFor({ state: "detached" });
    await page.locator("tr[data-call], tr[data-user], .facts").first().waitFor();
  }
}));
