// Accessibility: keyboard, screen readers, dark theme and narrow screens.

import assert from "node:assert/strict";
import test from "node:test";

import { FEW, MANY, SLOW, callApi, closePage, newCall, newPage, newUser, open, overflow, signIn, signedIn, violations } from "./support.mjs";

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true };

/** Opens each view in each of its states. */
async function* views(page) {
  const [call] = (await callApi(MANY, "GET", "/calls?status=completed&page_size=1")).calls;
  await page.goto(`${MANY.url}/console`);
  yield "key form";
  await signIn(page, MANY.key);
  await page.locator("tr[data-call] .name").filter({ hasText: /\w/ }).first().waitFor();
  yield "calls";
  await page.getByRole("button", { name: "New call" }).click();
  await page.getByLabel("Call", { exact: true }).selectOption("At a time");
  await page.getByText("Expiry, priority, calling hours, retries").click();
  await page.getByLabel("Time", { exact: true }).fill("2030-01-01T09:00");
  await page.getByRole("button", { name: "Place call" }).click();
  await page.locator("[aria-invalid]").first().waitFor();
  yield "call form with errors";
  await page.getByLabel("The call", { exact: true }).selectOption("steps");
  await page.getByRole("button", { name: "Place call" }).click();
  await page.locator(".step [aria-invalid]").first().waitFor();
  yield "call form with steps and errors";
  await page.keyboard.press("Escape");
  await open(page, `/calls/${call.call_id}`);
  await page.locator(".span").first().waitFor();
  yield "call";
  await open(page, "/calls/none");
  await page.locator(".failed").waitFor();
  yield "no such call";
  await open(page, `/calls?status=queued&user=${call.user_id}`);
  await page.getByText("No calls match").waitFor();
  yield "no calls";
  await open(page, "/batches");
  await page.locator("tr[data-batch] .name:not(:empty)").waitFor();
  yield "batches";
  await page.getByRole("button", { name: "New batch" }).click();
  await page.getByText("Pace, expiry, retries").click();
  await page.getByRole("button", { name: "Create batch" }).click();
  await page.locator("[aria-invalid]").first().waitFor();
  yield "batch form with errors";
  await page.keyboard.press("Escape");
  await page.locator("tr[data-batch] a").first().click();
  await page.locator(".plot .area").first().waitFor();
  await page.getByText("Show as a table").click();
  await page.locator(".batch tr[data-call]").first().waitFor();
  yield "batch";
  await page.getByRole("button", { name: "Add recipients" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Add recipients" }).click();
  await page.locator("[aria-invalid]").first().waitFor();
  yield "recipients form with errors";
  await page.keyboard.press("Escape");
  await open(page, `/calls?status=scheduled&batch=${MANY.batch}`);
  await page.locator(".waits:visible").first().waitFor();
  yield "scheduled calls";
  await page.locator("tr[data-call] a").first().click();
  await page.locator(".notice").getByText("Waits for its turn to be dialled").waitFor();
  yield "scheduled call";
  await page.getByRole("button", { name: "Change" }).click();
  yield "form that changes a call";
  await page.keyboard.press("Escape");
  await open(page, "/users");
  await page.locator("tr[data-user]").first().waitFor();
  yield "users";
  await page.getByRole("button", { name: "New user" }).click();
  yield "user form";
  await page.keyboard.press("Escape");
  await page.locator("tr[data-user] a").first().click();
  await page.locator("tr[data-call]").first().waitFor();
  yield "user";
  await page.getByRole("button", { name: "Delete" }).click();
  yield "confirmation";
  await page.keyboard.press("Escape");
  await open(page, "/overview");
  await page.locator(".plot .bar").first().waitFor();
  await page.locator(".parts li").first().waitFor();
  await page.getByText("Show as a table").click();
  yield "overview";
}

for (const colorScheme of ["light", "dark"]) {
  for (const [device, options] of [["desktop", {}], ["phone", PHONE]]) {
    test(`no view violates accessibility rules or overflows: ${colorScheme}, ${device}`, async () => {
      const page = await newPage({ ...options, colorScheme });
      for await (const view of views(page)) {
        assert.deepEqual(await violations(page), [], view);
        assert.ok((await overflow(page)) <= 0, `${view} is wider than the screen`);
      }
      assert.deepEqual(page.problems, []);
      await page.context().close();
    });
  }
}

test("the longest values fit on a phone", async () => {
  const name = "W".repeat(200);
  const email = `${"w".repeat(60)}@${"w".repeat(60)}.${"w".repeat(60)}.${"w".repeat(50)}.example`;
  const user = await newUser(FEW, { name, email, time_zone: "America/Argentina/ComodRivadavia" });
  const call = await newCall(FEW, user, { script: "W".repeat(3_000), metadata: { ["n".repeat(100)]: "W".repeat(1_500) }, to_number: SLOW });
  const page = await newPage(PHONE);
  await page.goto(`${FEW.url}/console`);
  await signIn(page, FEW.key);
  for (const [path, shown] of [
    ["/calls", `tr[data-call="${call.call_id}"] .name:not(:empty)`],
    [`/calls?user=${user.id}`, ".chosen:not(:empty)"],
    [`/calls/${call.call_id}`, ".facts"],
    ["/users", `tr[data-user="${user.id}"]`],
    [`/users/${user.id}`, `tr[data-call="${call.call_id}"]`],
  ]) {
    await open(page, path);
    await page.locator(shown).waitFor();
    assert.ok((await overflow(page)) <= 0, `${path} is wider than the screen`);
  }
  await page.getByRole("button", { name: "Delete" }).click();
  assert.ok((await overflow(page)) <= 0, "the confirmation is wider than the screen");
  await closePage(page);
});

test("the chosen theme survives a reload", signedIn(FEW, async (page) => {
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.getByRole("button", { name: "Dark theme" }).click();
  const dark = await ground();
  assert.notEqual(dark, light);
  await page.reload();
  assert.equal(await ground(), dark);
  await page.getByRole("button", { name: "Light theme" }).click();
  assert.equal(await ground(), light);
}, { colorScheme: "light" }));

/** Presses Tab until the element has the focus. Each focused element must be visibly focused. */
async function tabTo(page, locator) {
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press("Tab");
    const seen = await page.evaluate(() => {
      const element = document.activeElement;
      if (element === document.body) return true;
      const shown = element.matches(".segments input") ? element.nextElementSibling : element;
      const { boxShadow, outlineStyle } = getComputedStyle(shown);
      const { width, height } = shown.getBoundingClientRect();
      return width > 0 && height > 0 && (boxShadow !== "none" || outlineStyle !== "none");
    });
    assert.ok(seen, `the focus is not visible: ${await page.evaluate(() => document.activeElement.outerHTML.slice(0, 200))}`);
    if (await locator.evaluate((element) => element === document.activeElement)) return;
  }
  assert.fail(`Tab does not lead to ${locator}`);
}

test("the keyboard alone can place a call and hang it up", async () => {
  const user = await newUser(FEW);
  const page = await newPage();
  const focused = (locator) => locator.evaluate((element) => element === document.activeElement);
  await page.goto(`${FEW.url}/console`);
  await page.keyboard.type(FEW.key);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Calls" }).waitFor();
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("Shift+Tab");
  await tabTo(page, page.getByRole("link", { name: "Skip to content" }));
  await page.keyboard.press("Enter");
  await tabTo(page, page.getByRole("button", { name: "New call" }));
  await page.keyboard.press("Enter");
  assert.ok(await focused(page.getByLabel("User").last()));
  await page.keyboard.type(user.email);
  await page.keyboard.press("Escape");
  if (!(await page.getByRole("dialog").isVisible())) {
    await page.keyboard.press("Enter");
    await page.keyboard.type(user.email);
  }
  const dialog = page.getByRole("dialog");
  await tabTo(page, dialog.getByLabel("Number"));
  await page.keyboard.press("ControlOrMeta+A");
  await page.keyboard.type("+12125550112");
  await tabTo(page, dialog.getByLabel("Script"));
  await page.keyboard.type("Hello!");
  await tabTo(page, dialog.getByRole("button", { name: "Place call" }));
  await page.keyboard.press("Enter");
  await page.locator('.badge[data-status="ringing"]').waitFor();
  await tabTo(page, page.getByRole("button", { name: "Hang up" }));
  await page.keyboard.press("Enter");
  const confirmation = page.getByRole("alertdialog");
  assert.ok(await focused(confirmation.getByRole("button", { name: "Cancel" })), "the harmless button has the focus");
  await tabTo(page, confirmation.getByRole("button", { name: "Hang up" }));
  await page.keyboard.press("Enter");
  await page.locator('.badge[data-status="canceled"]').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.tagName), "H1", "the heading gets the focus of the removed button");
  await tabTo(page, page.getByRole("button", { name: "Show number" }));
  await page.keyboard.press("Space");
  await page.getByRole("heading", { name: "+12125550112" }).waitFor();
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test("a dialog keeps the focus and returns it", signedIn(FEW, async (page) => {
  const opener = page.getByRole("button", { name: "New call" });
  await opener.focus();
  await page.keyboard.press("Enter");
  for (let presses = 0; presses < 30; presses += 1) {
    await page.keyboard.press("Tab");
    const inside = await page.evaluate(() => document.activeElement === document.body || Boolean(document.activeElement.closest("dialog")));
    assert.ok(inside, "the focus stays in the dialog");
  }
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.ok(await opener.evaluate((button) => button === document.activeElement));
}));

test("changes are announced to screen readers", signedIn(FEW, async (page) => {
  const user = await newUser(FEW);
  await page.locator("#said").waitFor({ state: "attached" });
  await page.locator("table, .empty").first().waitFor();
  await callApi(FEW, "POST", "/calls/outbound", { user_id: user.id, to_number: "+14155552671", script: "Hello!" });
  await page.locator("#said").filter({ hasText: /new call/ }).waitFor({ state: "attached" });
}));

test("the plot can be read with the arrow keys", signedIn(MANY, async (page) => {
  await open(page, "/overview?range=30d");
  const plot = page.getByRole("slider", { name: "Calls over time" });
  await page.locator(".plot .bar").first().waitFor();
  await plot.focus();
  await page.keyboard.press("End");
  const last = await plot.getAttribute("aria-valuetext");
  await page.keyboard.press("ArrowLeft");
  const before = await plot.getAttribute("aria-valuetext");
  assert.notEqual(before, last);
  assert.match(before, /\d+ completed/);
}));
