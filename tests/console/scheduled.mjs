// Calls that wait: placing one, its time and its reason in the list, changing and canceling it, and its dial.

import assert from "node:assert/strict";
import test from "node:test";

import { FEW, MANY, NUMBER, callApi, fact, fillCall, local, newCall, newUser, open, rowOf, signedIn, waitUntil } from "./support.mjs";

const HOUR = 3_600_000;

test("a call is placed for a time and waits with its time and the reason", signedIn(FEW, async (page) => {
  const user = await newUser(FEW);
  const dialog = await fillCall(page, user);
  assert.ok(await dialog.getByLabel("Time", { exact: true }).isHidden(), "a call is placed now by default");
  await dialog.getByLabel("Call", { exact: true }).selectOption("At a time");
  await dialog.getByRole("button", { name: "Place call" }).click();
  await dialog.locator('[data-field="scheduled_at"] .fault').getByText("must have a date and a time").waitFor();
  await dialog.getByLabel("Time", { exact: true }).fill(local(Date.now() + 49.5 * HOUR));
  await dialog.getByText("In your time zone, UTC: in 2 days.").waitFor();
  await dialog.getByText("Expiry, priority, calling hours, retries").click();
  await dialog.getByLabel("Priority").selectOption("urgent");
  await dialog.getByLabel("Expires").fill(local(Date.now() + HOUR));
  await dialog.getByRole("button", { name: "Place call" }).click();
  await dialog.locator('[data-field="expires_at"] .fault').getByText("must be later than scheduled_at").waitFor();
  await dialog.getByLabel("Expires").fill(local(Date.now() + 60 * HOUR));
  await dialog.getByRole("button", { name: "Place call" }).click();
  await page.getByRole("heading", { name: "Call to" }).waitFor();
  await page.locator('.badge[data-status="scheduled"]').waitFor();
  await page.locator(".notice").getByText("Waits for its time").waitFor();
  assert.match(await page.locator(".notice").innerText(), /Due .+, in 2 days\. Expires /);
  assert.equal(await fact(page, "Priority"), "urgent");
  const [call] = (await callApi(FEW, "GET", `/calls?user_id=${user.id}`)).calls;
  assert.equal(call.status, "scheduled");
  assert.equal(call.priority, "urgent");
  await open(page, `/calls?status=scheduled&user=${user.id}`);
  await rowOf(page, call).locator(".waits").filter({ hasText: /^Waits for its time: .+ \(in 2 days\)$/ }).waitFor();
}));

test("times are those of the viewer's zone", signedIn(FEW, async (page) => {
  const at = Math.ceil(Date.now() / 60_000) * 60_000 + 30 * HOUR;
  const user = await newUser(FEW);
  const call = await newCall(FEW, user, { scheduled_at: new Date(at).toISOString() });
  await open(page, `/calls/${call.call_id}`);
  await page.getByRole("button", { name: "Change" }).click();
  const dialog = page.getByRole("dialog");
  assert.equal(await dialog.getByLabel("Time", { exact: true }).inputValue(), local(at + 5.75 * HOUR));
  await dialog.getByText(/Asia\/Kath?mandu/).first().waitFor();
}, { timezoneId: "Asia/Kathmandu" }));

test("a scheduled call is changed, and only what was changed", signedIn(FEW, async (page) => {
  const user = await newUser(FEW);
  const call = await newCall(FEW, user, { scheduled_at: new Date(Date.now() + 3 * HOUR).toISOString() });
  await open(page, `/calls/${call.call_id}`);
  const bodies = [];
  page.on("request", (request) => request.method() === "PATCH" && bodies.push(request.postDataJSON()));
  await page.getByRole("button", { name: "Change" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Script").fill("Good morning!");
  await dialog.getByLabel("Time", { exact: true }).fill(local(Date.now() + 500 * 24 * HOUR));
  await dialog.getByLabel("Expires").fill("");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.locator('[data-field="scheduled_at"] .fault').getByText("at most 365 days ahead").waitFor();
  const later = Date.now() + 5.5 * HOUR;
  await dialog.getByLabel("Time", { exact: true }).fill(local(later));
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.locator(".notice").getByText(/in 5 hours/).waitFor();
  await page.locator("blockquote").getByText("Good morning!").waitFor();
  assert.deepEqual(Object.keys(bodies.at(-1)).sort(), ["expires_at", "scheduled_at", "script"]);
  const changed = await callApi(FEW, "GET", `/calls/${call.call_id}`);
  assert.equal(Date.parse(changed.scheduled_at), Math.floor(later / 60_000) * 60_000);
}));

test("a scheduled call is canceled after a confirmation", signedIn(FEW, async (page) => {
  const user = await newUser(FEW);
  const call = await newCall(FEW, user, { scheduled_at: new Date(Date.now() + 3 * HOUR).toISOString() });
  await open(page, `/calls/${call.call_id}`);
  await page.getByRole("button", { name: "Cancel call" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Keep" }).click();
  assert.equal((await callApi(FEW, "GET", `/calls/${call.call_id}`)).status, "scheduled");
  await page.getByRole("button", { name: "Cancel call" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Cancel call" }).click();
  await page.locator('.badge[data-status="canceled"]').waitFor();
  await page.locator(".notice").getByText("A client canceled the call before it was dialled.").waitFor();
  await page.getByRole("button", { name: "Cancel call" }).waitFor({ state: "hidden" });
  assert.equal((await callApi(FEW, "GET", `/calls/${call.call_id}`)).status_reason, "requested");
}));

test("a scheduled call is dialled at its time while the page shows it", signedIn(FEW, async (page) => {
  const user = await newUser(FEW);
  const call = await newCall(FEW, user, { scheduled_at: new Date(Date.now() + 4_000).toISOString() });
  await open(page, `/calls/${call.call_id}`);
  await page.locator('.badge[data-status="scheduled"]').first().waitFor();
  await page.locator('.badge[data-status="completed"]').first().waitFor();
  await page.locator(".events li").filter({ hasText: "Dialled" }).waitFor();
  const phases = await page.locator("svg.timeline").getAttribute("aria-label");
  const { dial_begun_at, events } = await waitUntil(() => callApi(FEW, "GET", `/calls/${call.call_id}`), "the call");
  const whole = (Date.parse(events.at(-1).at) - Date.parse(dial_begun_at)) / 1000;
  assert.match(phases, /^Timeline\. Dialling: [\d.]+ s; /);
  assert.ok(Number(/Dialling: ([\d.]+) s/.exec(phases)[1]) <= whole, "the dial does not include the wait");
}));

test("without a dial queue, the form says that calls cannot wait", signedIn(MANY, async (page) => {
  const [user] = (await callApi(MANY, "GET", "/users?page_size=1")).users;
  const dialog = await fillCall(page, user);
  await dialog.getByLabel("Number").fill(NUMBER);
  await dialog.getByLabel("Call", { exact: true }).selectOption("At a time");
  await dialog.getByLabel("Time", { exact: true }).fill(local(Date.now() + HOUR));
  await dialog.getByRole("button", { name: "Place call" }).click();
  await dialog.getByRole("alert").getByText(/dial queue|DIAL_QUEUE_URL/).waitFor();
}));
