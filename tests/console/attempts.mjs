// The attempts of a call as one story.

import assert from "node:assert/strict";
import test from "node:test";

import { FEW, callApi, fillCall, newCall, newUser, open, signedIn, violations, waitUntil } from "./support.mjs";

/** A phone that is busy for the first call and then answers. Each test has a number of its own. */
const busyOnce = (area) => `+1${area}5550161`;
const BUSY = "+12125550101";

const attempts = (page) => page.locator(".story .attempt");

async function seriesOf(call, count) {
  return waitUntil(async () => {
    const { calls } = await callApi(FEW, "GET", `/calls?first_call_id=${call.call_id}`);
    return calls.length === count && calls.sort((one, other) => one.attempt - other.attempt);
  }, `attempt ${count}`);
}

test("a call with retries is placed, and its attempts are one story", signedIn(FEW, async (page) => {
  const user = await newUser(FEW);
  const dialog = await fillCall(page, user);
  await dialog.getByLabel("Number").fill(busyOnce(213));
  await dialog.getByText("Expiry, priority, calling hours, retries").click();
  await dialog.getByLabel("Attempts", { exact: true }).fill("11");
  await dialog.getByLabel("Voicemail").check();
  await dialog.getByRole("button", { name: "Place call" }).click();
  await dialog.locator('[data-field="retry.max_attempts"] .fault').getByText("between 1 and 10").waitFor();
  await dialog.getByLabel("Attempts", { exact: true }).fill("3");
  await dialog.getByLabel("Minutes between attempts").fill("0.05");
  await dialog.getByRole("button", { name: "Place call" }).click();
  await dialog.locator('[data-field="retry.on"] .fault').getByText("machine_detection").waitFor();
  await dialog.getByLabel("Voicemail").uncheck();
  await dialog.getByRole("button", { name: "Place call" }).click();
  await page.getByRole("heading", { name: "Call to" }).waitFor();
  await attempts(page).nth(1).waitFor();
  await page.getByText("A person was reached.").waitFor();
  assert.equal(await attempts(page).count(), 2);
  await attempts(page).first().locator('[data-status="busy"]').waitFor();
  await page.locator(".delay").getByText(/^[\d.]+ s later$/).waitFor();
  await page.getByText("Up to 3 attempts if busy, no answer or failed, after 3 s").first().waitFor();
  assert.equal(await page.locator('.story [aria-current="true"]').innerText(), "Attempt 1");
  assert.deepEqual(await violations(page), []);
  await page.getByRole("link", { name: "Attempt 2" }).click();
  await page.locator('.story [aria-current="true"]').getByText("Attempt 2").waitFor();
  await page.locator('.subtitle .badge[data-status="completed"]').waitFor();
}));

test("the next attempt is canceled from the one before it", signedIn(FEW, async (page) => {
  const user = await newUser(FEW);
  const call = await newCall(FEW, user, { to_number: BUSY, retry: { max_attempts: 2, on: ["busy"], delays_seconds: [3_600] } });
  await open(page, `/calls/${call.call_id}`);
  await page.getByRole("button", { name: "Cancel next attempt" }).click();
  const dashed = attempts(page).nth(1);
  await dashed.getByText("Waits for the next attempt").waitFor();
  await page.getByRole("alertdialog").getByRole("button", { name: "Cancel attempt" }).click();
  await dashed.locator('[data-status="canceled"]').waitFor();
  const [, next] = await seriesOf(call, 2);
  assert.equal(next.status, "canceled");
  await page.getByRole("button", { name: "Cancel next attempt" }).waitFor({ state: "hidden" });
}));
