// Pages that fetch audio from another origin, as with a media URL of its own.

import assert from "node:assert/strict";
import { test } from "node:test";

import { FEW, MANY, callApi, newCall, newUser, signedIn, waitUntil } from "./support.mjs";

/** Fetches the first bytes in a page, with a key. */
function fetchStart(page, url) {
  return page.evaluate(async ({ url, key }) => {
    const answer = await fetch(url, { headers: { "X-API-Key": key, Range: "bytes=0-43" } });
    const body = await answer.arrayBuffer();
    return {
      status: answer.status,
      origin: new URL(answer.url).origin,
      range: answer.headers.get("content-range"),
      start: String.fromCharCode(...new Uint8Array(body, 0, 4)),
      length: body.byteLength,
    };
  }, { url, key: FEW.key });
}

test("a page follows the redirect to the audio with its key", signedIn(FEW, async (page) => {
  const call = await newCall(FEW, await newUser(FEW), { recording_enabled: true });
  const recording = await waitUntil(async () => {
    const { recordings } = await callApi(FEW, "GET", `/calls/${call.call_id}/recordings`);
    return recordings.find((one) => one.status === "completed");
  }, "the recording");
  const path = `/recordings/${recording.id}/media`;
  const { url } = await callApi(FEW, "GET", path, undefined, { Accept: "application/json" });
  const origin = new URL(url).origin;
  assert.notEqual(origin, FEW.url);

  const sizes = /^bytes 0-43\/\d+$/;
  const followed = await fetchStart(page, path);
  assert.match(followed.range, sizes);
  assert.deepEqual({ ...followed, range: "" }, { status: 206, origin, range: "", start: "RIFF", length: 44 });

  // A page of a third origin, without a content security policy.
  await page.goto(`${MANY.url}/health`);
  const direct = await fetchStart(page, url);
  assert.match(direct.range, sizes);
  assert.deepEqual({ ...direct, range: "" }, { ...followed, range: "" });
}));
