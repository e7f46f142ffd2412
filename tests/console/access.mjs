// Scopes: a key that can only read sees no actions.

import assert from "node:assert/strict";
import test from "node:test";

import { FEW, newBatch, newCall, newUser, open, signedIn } from "./support.mjs";

const READER = { url: FEW.url, key: process.env.OUTDIAL_READER_API_KEY };

test("a key that can only read sees no actions", signedIn(READER, async (page) => {
  const user = await newUser(FEW);
  const call = await newCall(FEW, user, { scheduled_at: new Date(Date.now() + 3_600_000).toISOString() });
  const batch = await newBatch(FEW, user);
  await page.waitForFunction(() => document.documentElement.dataset.lacks === "calls:write users:write");
  for (const [path, shown] of [
    ["/calls", "tr[data-call]"],
    [`/calls/${call.call_id}`, '.badge[data-status="scheduled"]'],
    ["/batches", "tr[data-batch]"],
    [`/batches/${batch.batch_id}`, '.badge[data-status="draft"]'],
    ["/users", "tr[data-user]"],
    [`/users/${user.id}`, "tr[data-call]"],
  ]) {
    await open(page, path);
    await page.locator(shown).first().waitFor();
    assert.equal(await page.locator(".actions button:visible").count(), 0, path);
  }
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("API key").fill(FEW.key);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("button", { name: "New call" }).or(page.getByRole("button", { name: "Edit" })).first().waitFor();
}));
