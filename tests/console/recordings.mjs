// The state of recordings at each stage of a call.

import assert from "node:assert/strict";
import test from "node:test";

import { FEW, callApi, fact, newCall, newUser, open, signedIn, waitUntil } from "./support.mjs";

const BUSY = "+12125550101";
/** Answers, but its recordings are absent. */
const SILENT = "+12125550110";
/** Stays queued for 30 seconds. */
const QUEUED = "+12125550109";

const dot = (page, call) => page.locator(`tr[data-call="${call.call_id}"] .recorded`).getByText("recorded");

async function ended(call, status) {
  return waitUntil(async () => {
    const now = await callApi(FEW, "GET", `/calls/${call.call_id}`);
    return now.status === status && now;
  }, `${call.call_id} is ${status}`);
}

async function says(page, name, words) {
  return waitUntil(async () => (await fact(page, name)) === words, `${name}: ${words}`);
}

test("a call is being recorded while it is live, and its recording is available after the end", signedIn(FEW, async (page) => {
  const user = await newUser(FEW);
  const call = await newCall(FEW, user, { recording_enabled: true, script: "This is a long message. ".repeat(60) });
  const row = page.locator(`tr[data-call="${call.call_id}"]`);
  await row.locator('[data-status="in-progress"]').waitFor();
  assert.equal(await dot(page, call).count(), 0, "there is no recording yet");
  await open(page, `/calls/${call.call_id}`);
  await page.getByText("The call is still being recorded.").waitFor();
  await says(page, "Recording", "in progress");
  assert.equal(await page.getByText("Twilio is preparing the audio").count(), 0);
  await page.getByRole("button", { name: "Hang up" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Hang up" }).click();
  await page.locator(".wave").waitFor();
  assert.equal(await page.getByText("still being recorded").count(), 0);
  await says(page, "Recording", "available");
  await open(page, "/calls");
  await dot(page, call).waitFor();
  await open(page, `/calls/${call.call_id}`);
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Delete recording" }).click();
  await page.locator(".wave").waitFor({ state: "detached" });
  await says(page, "Recording", "none");
  await open(page, "/calls");
  await row.waitFor();
  assert.equal(await dot(page, call).count(), 0, "it was deleted");
}));

test("a call that never connected has no recording", signedIn(FEW, async (page) => {
  const call = await newCall(FEW, await newUser(FEW), { to_number: BUSY, recording_enabled: true });
  const row = page.locator(`tr[data-call="${call.call_id}"]`);
  await row.locator('[data-status="busy"]').waitFor();
  assert.equal(await dot(page, call).count(), 0);
  await open(page, `/calls/${call.call_id}`);
  await says(page, "Recording", "none, the call was not answered");
}));

test("a silent call and a call without recording have no recording", signedIn(FEW, async (page) => {
  const user = await newUser(FEW);
  const silent = await newCall(FEW, user, { to_number: SILENT, recording_enabled: true });
  const plain = await newCall(FEW, user);
  for (const call of [silent, plain]) await ended(call, "completed");
  await open(page, `/calls/${silent.call_id}`);
  await says(page, "Recording", "no audio");
  await page.getByText("The recording is silent.").waitFor();
  await open(page, `/calls/${plain.call_id}`);
  await says(page, "Recording", "not requested");
  await open(page, "/calls");
  for (const call of [silent, plain]) {
    await page.locator(`tr[data-call="${call.call_id}"]`).waitFor();
    assert.equal(await dot(page, call).count(), 0);
  }
}));

test("a call in Twilio's queue is neither dialled nor recorded", signedIn(FEW, async (page) => {
  const call = await newCall(FEW, await newUser(FEW), { to_number: QUEUED, recording_enabled: true });
  await open(page, `/calls/${call.call_id}`);
  await page.locator('.badge[data-status="queued"]').waitFor();
  await page.locator(".span.placing").waitFor();
  assert.equal(await page.locator(".span.dialling").count(), 0);
  await says(page, "Recording", "requested");
}));
