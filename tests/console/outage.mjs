import assert from "node:assert/strict";
import test from "node:test";

import { FEW, as, database, newCall, newUser, open } from "./stage.mjs";

test("while the database is away a banner says so, what was read stays, and it goes by itself", as(FEW, async (page) => {
  const call = await newCall(FEW, await newUser(FEW));
  const row = page.locator(`tr[data-call="${call.call_id}"]`);
  await row.waitFor();
  const banner = page.locator(".banner");
  try {
    database.takeAway();
    await banner.waitFor();
    assert.match(await banner.innerText(), /database|unavailable|away/i);
    assert.ok(await row.isVisible());
    await open(page, "/overview");
    await page.locator('.parts [data-reach="down"]').waitFor();
  } finally {
    database.giveBack();
  }
  await banner.waitFor({ state: "hidden" });
  await page.locator(".plot .bar").first().waitFor();
  await open(page, "/calls");
  await row.waitFor();
}));

test("a view that was opened during an outage is filled when that is over", as(FEW, async (page) => {
  const user = await newUser(FEW);
  const call = await newCall(FEW, user);
  await page.locator(`tr[data-call="${call.call_id}"]`).waitFor();
  for (const path of [`/users/${user.id}`, `/calls/${call.call_id}`]) {
    try {
      database.takeAway();
      await page.evaluate(() => (location.hash = "#/overview"));
      await page.locator(".banner").waitFor();
      await open(page, path);
      await page.locator(".empty.failed").waitFor();
    } finally {
      database.giveBack();
    }
    await page.locator(".banner").waitFor({ state: "hidden" });
    await page.locator(".empty.failed").waitFor({ state: "detached" });
    await page.locator("tr[data-call], tr[data-user], .facts").first().waitFor();
  }
}));
