// The transcript beside the waveform.

import assert from "node:assert/strict";
import test from "node:test";

import { FEW, newCall, newUser, open, signedIn, waitUntil } from "./support.mjs";

/** Answers, and says "Hello?" and "Yes, that works for me. Thank you." */
const TALKER = "+12125550129";
const SCRIPT =
  "Hello! Your order is ready. Please come to our shop before six this evening, because we are closed tomorrow. " +
  "If that is too early, tell us after this message. Does this work for you? Thank you very much. Goodbye.";

test("the transcript says who said what, and a click plays from there", signedIn(FEW, async (page) => {
  const wanted = { to_number: TALKER, recording_enabled: true, transcribe: true, script: SCRIPT };
  const call = await newCall(FEW, await newUser(FEW), wanted);
  await open(page, `/calls/${call.call_id}`);
  const transcript = page.getByRole("region", { name: "Transcript" });
  const sentence = transcript.getByRole("button", { name: "Yes, that works for me." });
  await sentence.waitFor();
  const item = transcript.locator("li", { has: page.getByRole("button", { name: "Yes, that works for me." }) });
  assert.equal(await item.getAttribute("data-speaker"), "callee");
  assert.equal(await transcript.locator("li").first().getAttribute("data-speaker"), "outdial");
  await page.locator(".wave[data-drawn]").waitFor();
  await sentence.click();
  const position = () => page.locator(".wave").getAttribute("aria-valuenow");
  await waitUntil(async () => Number(await position()) >= 9, "it plays from the sentence");
  await waitUntil(async () => (await item.getAttribute("aria-current")) === "true", "the sentence is marked");
}));

test("a recording without transcribe has no transcript", signedIn(FEW, async (page) => {
  const call = await newCall(FEW, await newUser(FEW), { recording_enabled: true });
  await open(page, `/calls/${call.call_id}`);
  await page.locator(".wave[data-drawn]").waitFor();
  assert.equal(await page.getByRole("region", { name: "Transcript" }).count(), 0);
}));
