// The list of calls, one call, and the form that places a call.

import assert from "node:assert/strict";
import test from "node:test";

import { FEW, NUMBER, REFUSED, SLOW, callApi, fillCall, newCall, newUser, open, rowOf, signedIn, waitUntil } from "./support.mjs";

test("a placed call is shown to its end and its recording plays", signedIn(FEW, async (page) => {
  const user = await newUser(FEW);
  const dialog = await fillCall(page, user);
  await dialog.getByLabel("Record the call").check();
  await dialog.getByRole("button", { name: "Place call" }).click();
  await page.locator(".toast").getByText("•••• 2671").waitFor();
  await page.getByRole("heading", { name: "Call to" }).waitFor();
  assert.ok(!(await page.locator("#app").innerText()).includes(NUMBER), "the number is masked");
  await page.locator('.badge[data-status="completed"]').waitFor();
  for (const span of ["ringing", "in-call", "recording"]) await page.locator(`.span.${span}`).waitFor();
  await page.locator(".wave[data-drawn]").waitFor();
  await page.getByRole("button", { name: "Play" }).click();
  await page.waitForFunction(() => document.querySelector("audio").currentTime > 0.3);
  const slider = page.getByRole("slider", { name: "Position in the recording" });
  await page.getByRole("button", { name: "Pause" }).click();
  await slider.focus();
  await page.keyboard.press("Home");
  assert.equal(await page.evaluate(() => document.querySelector("audio").currentTime), 0);
  await page.keyboard.press("End");
  const [at, whole] = await page.evaluate(() => [document.querySelector("audio").currentTime, document.querySelector("audio").duration]);
  assert.ok(at > whole - 0.2, `${at} of ${whole}`);
  await page.getByRole("button", { name: "Show number" }).click();
  await page.getByRole("heading", { name: NUMBER }).waitFor();
}));

test("a live call is hung up after a confirmation", signedIn(FEW, async (page) => {
  const call = await newCall(FEW, await newUser(FEW), { to_number: SLOW });
  await open(page, `/calls/${call.call_id}`);
  await page.locator('.badge[data-status="ringing"]').waitFor();
  await page.getByRole("button", { name: "Hang up" }).click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Hang up" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Hang up" }).click();
  await page.locator('.badge[data-status="canceled"]').waitFor();
  await page.getByRole("button", { name: "Hang up" }).waitFor({ state: "hidden" });
  assert.equal((await callApi(FEW, "GET", `/calls/${call.call_id}`)).status, "canceled");
}));

test("the list is live, keeps its rows, and shows other people's calls", signedIn(FEW, async (page) => {
  const user = await newUser(FEW);
  const first = await newCall(FEW, user);
  await rowOf(page, first).waitFor();
  await rowOf(page, first).evaluate((row) => (row.mark = "the same"));
  await rowOf(page, first).getByRole("link").focus();
  const second = await newCall(FEW, user, { script: "<img src=x onerror=alert(1)>" });
  await rowOf(page, second).waitFor();
  await rowOf(page, first).locator('[data-status="completed"]').waitFor();
  assert.equal(await rowOf(page, first).evaluate((row) => row.mark), "the same");
  assert.ok(await rowOf(page, first).getByRole("link").evaluate((link) => link === document.activeElement), "the focus stays");
  assert.equal(await rowOf(page, second).locator("img").count(), 0);
  await rowOf(page, second).getByText("<img src=x onerror=alert(1)>").waitFor();
}));

test("the list is filtered by status and by user", signedIn(FEW, async (page) => {
  const [user, other] = [await newUser(FEW), await newUser(FEW, { name: "Grace Hopper" })];
  const busy = await newCall(FEW, user, { to_number: "+12125550101" });
  const done = await newCall(FEW, other);
  await rowOf(page, busy).locator('[data-status="busy"]').waitFor();
  await page.getByLabel("Status").selectOption("busy");
  await rowOf(page, busy).waitFor();
  await rowOf(page, done).waitFor({ state: "detached" });
  assert.match(page.url(), /status=busy/);
  await page.getByLabel("User").fill(other.email);
  await page.getByRole("button", { name: "Filter" }).click();
  await page.getByText("No calls match").waitFor();
  await page.getByRole("link", { name: "Clear" }).click();
  await rowOf(page, done).waitFor();
  await page.getByLabel("User").fill("nobody@example.com");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.getByText("No user has this address.").waitFor();
}));

test("a call that Twilio refuses shows the error with a link to its documentation", signedIn(FEW, async (page) => {
  const user = await newUser(FEW);
  const dialog = await fillCall(page, user);
  await dialog.getByLabel("Number").fill(REFUSED.number);
  await dialog.getByRole("button", { name: "Place call" }).click();
  const link = `https://www.twilio.com/docs/api/errors/${REFUSED.code}`;
  await dialog.getByRole("alert").waitFor();
  const said = await dialog.getByRole("alert").innerText();
  if (await dialog.locator(`a[href="${link}"]`).count()) {
    await dialog.getByRole("button", { name: "Cancel" }).click();
    const call = await waitUntil(async () => (await callApi(FEW, "GET", `/users/${user.id}/calls`)).calls[0], "the refused call");
    await open(page, `/calls/${call.call_id}`);
    await page.locator(".notice").locator(`a[href="${link}"]`).waitFor();
  } else {
    assert.fail(said);
  }
}));

test("errors are shown at their fields, and others above the buttons", signedIn(FEW, async (page) => {
  await page.getByRole("button", { name: "New call" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Place call" }).click();
  for (const name of ["user_id", "to_number", "script"]) {
    await dialog.locator(`[data-field="${name}"] [aria-invalid="true"]`).waitFor();
    const fault = dialog.locator(`[data-field="${name}"] .fault`);
    assert.ok((await fault.innerText()).length > 0);
    const described = await dialog.locator(`[data-field="${name}"] [aria-invalid]`).getAttribute("aria-describedby");
    assert.ok(described.split(" ").includes(await fault.getAttribute("id")));
  }
  assert.ok(await dialog.getByLabel("User").evaluate((input) => input === document.activeElement));
  const user = await newUser(FEW);
  await dialog.getByLabel("User").fill(user.id);
  await dialog.getByLabel("Script").fill("Hello!");
  await dialog.getByLabel("Number").fill("+442079460000");
  await dialog.getByRole("button", { name: "Place call" }).click();
  await dialog.locator('[data-field="script"] [aria-invalid]').waitFor({ state: "detached" });
  await dialog.getByRole("alert").or(dialog.locator('[data-field="to_number"] .fault')).first().waitFor();
}));

test("a form that is sent again after a lost response dials once", signedIn(FEW, async (page) => {
  const user = await newUser(FEW);
  const keys = [];
  page.on("request", (request) => {
    if (request.method() === "POST" && request.url().endsWith("/calls/outbound")) keys.push(request.headers()["idempotency-key"]);
  });
  // The request arrives, but its response is lost.
  await page.route("**/calls/outbound", async (route) => {
    await route.fetch();
    await route.abort();
  }, { times: 1 });
  const dialog = await fillCall(page, user);
  await dialog.getByRole("button", { name: "Place call" }).click();
  await dialog.getByRole("alert").getByText("cannot be reached").waitFor();
  await dialog.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("heading", { name: "Call to" }).waitFor();
  assert.equal(keys.length, 2);
  assert.ok(keys[0]);
  assert.equal(keys[0], keys[1]);
  assert.equal((await callApi(FEW, "GET", `/users/${user.id}/calls`)).total, 1);
  await open(page, "/calls");
  const next = await fillCall(page, user);
  await next.getByRole("button", { name: "Place call" }).click();
  await waitUntil(() => keys.length === 3, "another call");
  assert.notEqual(keys[2], keys[0]);
}));
