// Batches: creating one, its recipients from a table, starting, pausing, resuming and canceling it, its progress and its results.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";

import { FEW, MANY, callApi, newBatch, newUser, open, signedIn, waitUntil } from "./support.mjs";

const BUSY = "+12125550101";
const ANSWERS = "+12125550105";

/** A table with these rows, as a file. */
function table(rows, name = "recipients.csv") {
  return { name, mimeType: "text/csv", buffer: Buffer.from(["to_number,external_id,first_name", ...rows].join("\r\n")) };
}

async function addRecipients(page, file) {
  await page.getByRole("button", { name: "Add recipients" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("CSV file").setInputFiles(file);
  await dialog.getByRole("button", { name: "Add recipients" }).click();
  return dialog;
}

const badgeOf = (page, status) => page.locator(`.subtitle .badge[data-status="${status}"]`);

test("a batch is created, filled from a file, started, and runs to its end", signedIn(FEW, async (page) => {
  const user = await newUser(FEW);
  await page.getByRole("link", { name: "Batches" }).click();
  await page.getByRole("button", { name: "New batch" }).click();
  const form = page.getByRole("dialog");
  await form.getByLabel("Script").fill("Hello {{ first_name }!");
  await form.getByRole("button", { name: "Create batch" }).click();
  await form.locator('[data-field="name"] [aria-invalid]').waitFor();
  await form.locator('[data-field="script"] [aria-invalid]').waitFor();
  await form.getByLabel("Name", { exact: true }).fill("Parcels <b>today</b>");
  await form.getByLabel("User").fill(user.email);
  await form.getByLabel("Script").fill("Hello {{ first_name }}!");
  await form.getByText("Pace, expiry, retries").click();
  await form.getByLabel("Calls a second, at most").fill("20");
  await form.getByRole("button", { name: "Create batch" }).click();
  await page.getByRole("heading", { name: "Parcels <b>today</b>" }).waitFor();
  await badgeOf(page, "draft").waitFor();
  await page.getByText("No recipients yet").waitFor();
  await addRecipients(page, table([`${ANSWERS},a,Ada`, `${BUSY},b,Grace`, `+14155550123,c,Katherine`]));
  await page.locator(".toast").getByText("3 recipients added").waitFor();
  await page.locator(".tile").filter({ hasText: "Recipients" }).getByText("3 waiting").waitFor();
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByRole("alertdialog").getByText("3 recipients will be called.").waitFor();
  await page.getByRole("alertdialog").getByRole("button", { name: "Start batch" }).click();
  // Dispatch runs every minute, and finds that all calls have ended.
  await badgeOf(page, "completed").waitFor({ timeout: 150_000 });
  await page.locator(".plot .area.completed").waitFor();
  await page.locator(".plot .area.busy").waitFor();
  await page.locator('svg.plot[aria-label*="2 completed, 1 busy"]').waitFor();
  await page.getByText("Show as a table").click();
  const last = page.locator(".figures tbody tr").last();
  assert.deepEqual((await last.locator("td").allInnerTexts()).slice(0, 3), ["2", "0", "1"]);
  assert.equal(await page.getByRole("button", { name: "Pause" }).count(), 0);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download results" }).click()]);
  assert.match(download.suggestedFilename(), /^batch-[0-9a-f-]{36}\.csv$/);
  const lines = (await readFile(await download.path(), "utf8")).replace(/\r\n$/, "").split("\r\n");
  assert.match(lines[0], /^\ufeffcall_id,external_id,to_number,status/);
  assert.deepEqual(lines.slice(1).map((line) => line.split(",").slice(1, 4).join()).sort(), [`a,${ANSWERS},completed`, `b,${BUSY},busy`, "c,+14155550123,completed"]);
  await page.locator(".legend").getByRole("link", { name: "Busy" }).click();
  await page.locator("tr[data-call]").filter({ hasText: "Hello Grace!" }).waitFor();
  assert.equal(await page.locator("tr[data-call]").count(), 1);
}));

test("a batch of questions is created, and each call gets its own words", signedIn(FEW, async (page) => {
  const user = await newUser(FEW);
  await page.getByRole("link", { name: "Batches" }).click();
  await page.getByRole("button", { name: "New batch" }).click();
  const form = page.getByRole("dialog");
  await form.getByLabel("Name", { exact: true }).fill("Appointments");
  await form.getByLabel("User").fill(user.email);
  await form.getByLabel("Each call", { exact: true }).selectOption("steps");
  const step = (number) => form.getByRole("group", { name: new RegExp(`^${number}\\. `) });
  await step(1).getByLabel("Say", { exact: true }).fill("Hello {{ first_name }");
  await step(2).getByLabel("Ask", { exact: true }).first().fill("Press 1, {{ first_name | title }}.");
  await step(2).getByLabel("Name of the question").fill("confirm");
  await step(2).getByLabel("Outcome").first().fill("confirmed");
  await form.getByText("Voice, language, answering machines").click();
  await form.getByLabel("If an answering machine answers").selectOption("leave_message");
  await form.getByLabel("Message for the machine", { exact: true }).fill("Call us, {{ first_name }}.");
  await form.getByLabel("Erase the words after the call").check();
  await form.getByRole("button", { name: "Create batch" }).click();
  await step(1).locator("[aria-invalid]").waitFor();
  await step(1).getByLabel("Say", { exact: true }).fill("Hello {{ first_name }}.");
  await form.getByRole("button", { name: "Create batch" }).click();
  await page.getByRole("heading", { name: "Appointments" }).waitFor();
  await page.getByText("Press 1, {{ first_name | title }}.").waitFor();
  await page.getByText("Call us, {{ first_name }}.").waitFor();
  assert.ok(await page.getByRole("heading", { name: "Script" }).isHidden());
  await addRecipients(page, table([`${ANSWERS},a,ada`]));
  await page.locator("tr[data-call]").filter({ hasText: "Hello ada." }).waitFor();
  const id = page.url().split("/").at(-1);
  const { calls } = await callApi(FEW, "GET", `/calls?batch_id=${id}`);
  assert.equal(calls[0].steps[1].ask[0].text, "Press 1, Ada.");
  assert.ok(calls[0].sensitive);
}));

test("faults of a table are shown by line, and the rest of a long table is kept", signedIn(FEW, async (page) => {
  const batch = await newBatch(FEW, await newUser(FEW));
  await open(page, `/batches/${batch.batch_id}`);
  const row = (nth) => `+1415556${String(nth).padStart(4, "0")},id-${nth},"Ada\nL ${nth}"`;
  const rows = Array.from({ length: 1_500 }, (_, nth) => row(nth));
  // Each row has two lines, after the header.
  rows[1_200] = "12,id-1200,Ada";
  rows[1_300] = "+442079460000,id-1300,Ada";
  rows[1_400] = "+14155559999,id-1400,";
  const dialog = await addRecipients(page, table(rows));
  const faults = dialog.getByRole("alert");
  await faults.getByText("line 2402, to_number").waitFor({ timeout: 90_000 });
  assert.ok((await faults.innerText()).includes("The batch has 1,000 rows"));
  const { progress } = await callApi(FEW, "GET", `/batches/${batch.batch_id}`);
  assert.equal(progress.recipients, 1_000);
  rows[1_200] = row(1_200);
  await dialog.getByLabel("CSV file").setInputFiles(table(rows));
  await dialog.getByRole("button", { name: "Add recipients" }).click();
  await faults.getByText("line 2602, to_number").waitFor({ timeout: 90_000 });
  await faults.getByText("line 2801, variables.first_name").or(faults.getByText(/line 2801/)).first().waitFor();
  rows[1_300] = row(1_300);
  rows[1_400] = row(1_400);
  await dialog.getByLabel("CSV file").setInputFiles(table(rows));
  await dialog.getByRole("button", { name: "Add recipients" }).click();
  await page.locator(".toast").getByText("500 recipients added, 1,000 already in the batch").waitFor({ timeout: 90_000 });
}));

test("a table is pasted, with semicolons and an unclosed quote", signedIn(FEW, async (page) => {
  const batch = await newBatch(FEW, await newUser(FEW));
  await open(page, `/batches/${batch.batch_id}`);
  await page.getByRole("button", { name: "Add recipients" }).click();
  const dialog = page.getByRole("dialog");
  const send = dialog.getByRole("button", { name: "Add recipients" });
  await send.click();
  await dialog.locator('[data-field="recipients"] .fault').getByText("must have a header").waitFor();
  await dialog.getByLabel("Or paste").fill('to_number;first_name\n+14155550123;"Ada\n');
  await send.click();
  await dialog.getByText(/line 2: a quote opens here/).waitFor();
  await dialog.getByLabel("Or paste").fill('to_number;first_name\n+14155550123;"Ada; Countess"\n');
  await send.click();
  await page.locator(".toast").getByText("1 recipient added").waitFor();
  await page.locator("tr[data-call]").filter({ hasText: "Hello Ada; Countess!" }).waitFor();
}));

test("a running batch is paused, resumed and canceled, and its plot moves", signedIn(FEW, async (page) => {
  const user = await newUser(FEW);
  const batch = await newBatch(FEW, user, { calls_per_second: 0.5 });
  const recipients = Array.from({ length: 60 }, (_, nth) => ({ to_number: `+1415558${String(nth).padStart(4, "0")}`, variables: { first_name: "Ada" } }));
  await callApi(FEW, "POST", `/batches/${batch.batch_id}/recipients`, { recipients });
  await callApi(FEW, "POST", `/batches/${batch.batch_id}/start`);
  await open(page, `/batches/${batch.batch_id}`);
  await badgeOf(page, "running").waitFor();
  await page.locator(".plot .area.completed").waitFor({ timeout: 60_000 });
  await page.locator(".tile").filter({ hasText: "Estimated end" }).getByText(/in \d/).waitFor();
  const shape = () => page.locator(".plot .area.completed").getAttribute("points");
  const before = await shape();
  await waitUntil(async () => (await shape()) !== before, "the plot's next step");
  await page.getByRole("button", { name: "Pause" }).click();
  await badgeOf(page, "paused").waitFor();
  assert.equal((await callApi(FEW, "GET", `/batches/${batch.batch_id}`)).status, "paused");
  await page.getByRole("button", { name: "Resume" }).click();
  await badgeOf(page, "running").waitFor();
  await page.getByRole("button", { name: "Cancel batch" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Keep" }).click();
  assert.equal((await callApi(FEW, "GET", `/batches/${batch.batch_id}`)).status, "running");
  await page.getByRole("button", { name: "Cancel batch" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Cancel batch" }).click();
  // If a call is being dialled at this moment, a later run of dispatch ends the batch.
  await badgeOf(page, "canceled").waitFor({ timeout: 150_000 });
  await page.locator(".plot .area.canceled").waitFor();
  assert.equal(await page.getByRole("button", { name: /Pause|Resume|Add recipients|Cancel batch/ }).count(), 0);
}));

test("an empty batch cannot start, and a batch that changed meanwhile says so", signedIn(FEW, async (page) => {
  const batch = await newBatch(FEW, await newUser(FEW), { scheduled_at: new Date(Date.now() + 86_400_000).toISOString() });
  await open(page, `/batches/${batch.batch_id}`);
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Start batch" }).click();
  await page.getByRole("alertdialog").getByRole("alert").getByText("no recipient that waits").waitFor();
  await page.getByRole("alertdialog").getByRole("button", { name: "Cancel", exact: true }).click();
  await callApi(FEW, "POST", `/batches/${batch.batch_id}/recipients`, { recipients: [{ to_number: "+14155550123", variables: { first_name: "Ada" } }] });
  await callApi(FEW, "POST", `/batches/${batch.batch_id}/start`);
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await badgeOf(page, "running").waitFor();
  await callApi(FEW, "POST", `/batches/${batch.batch_id}/cancel`);
  await page.getByRole("button", { name: "Pause" }).click();
  await page.locator(".batch .summary").getByText(/The batch (is being|was) canceled/).or(page.locator(".subtitle .badge[data-status^=cancel]")).first().waitFor();
}));

test("the course of a batch before the page was opened comes from its results", signedIn(MANY, async (page) => {
  const { progress } = await callApi(MANY, "GET", `/batches/${MANY.batch}`);
  await open(page, `/batches/${MANY.batch}`);
  const completed = page.locator(".plot .area.completed");
  await completed.waitFor();
  const points = (await completed.getAttribute("points")).split(" ").length / 2;
  assert.ok(points > 50, `${points} points`);
  await page.locator(".legend li").filter({ hasText: "Completed" }).getByText(String(progress.by_status.completed), { exact: true }).waitFor();
  assert.equal(await page.locator(".figures tbody tr").count(), 0, "a folded table costs nothing");
}));

test("a hidden page polls a batch rarely", signedIn(MANY, async (page) => {
  const requests = [];
  page.on("request", (request) => requests.push(new URL(request.url()).pathname));
  await open(page, `/batches/${MANY.batch}`);
  const ofBatch = () => requests.filter((path) => path === `/batches/${MANY.batch}`).length;
  await waitUntil(() => ofBatch() >= 2, "a second request");
  await page.evaluate(() => {
    Object.defineProperty(document, "hidden", { value: true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await page.waitForLoadState("networkidle");
  const before = ofBatch();
  // Twice the time between two requests of a visible page.
  await page.waitForTimeout(4_500);
  assert.equal(ofBatch(), before);
  assert.equal(requests.filter((path) => path.endsWith("/results")).length, 1);
}));

test("batches are listed with the time of their start", signedIn(FEW, async (page) => {
  const user = await newUser(FEW);
  const batch = await newBatch(FEW, user, { name: "A list of one" });
  await open(page, "/batches");
  const row = page.locator(`tr[data-batch="${batch.batch_id}"]`);
  await row.locator('[data-status="draft"]').waitFor();
  await row.click();
  await page.getByRole("heading", { name: "A list of one" }).waitFor();
}));
