// Calls that listen: the builder of steps, the errors of steps at their fields, and the answers of a call.

import assert from "node:assert/strict";
import test from "node:test";

import { FEW, callApi, fact, fillCall, newCall, newUser, open, overflow, rowOf, signedIn, violations, waitUntil } from "./support.mjs";

/** A simulated phone that presses 1 at every question, and one that presses 9 first. */
const PRESSES_1 = "+12125550106";
const PRESSES_9_FIRST = "+12125550114";
const MACHINE = "+12125550104";
const CONFIRM = { id: "confirm", ask: "Press 1 to confirm.", options: { 1: { outcome: "confirmed", say: "Thank you." } } };

/** Opens the form for a call with steps. */
async function fillSteps(page, user, number = PRESSES_1) {
  await page.getByRole("button", { name: "New call" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("User").fill(user.email);
  await dialog.getByLabel("Number").fill(number);
  await dialog.getByLabel("The call", { exact: true }).selectOption("steps");
  return dialog;
}

const step = (dialog, number) => dialog.getByRole("group", { name: new RegExp(`^${number}\\. `) });

test("a call is built step by step, and its answers are shown", signedIn(FEW, async (page) => {
  const dialog = await fillSteps(page, await newUser(FEW));
  await step(dialog, 1).getByLabel("Say", { exact: true }).fill("This is the dentist.");
  await step(dialog, 1).getByRole("button", { name: "Add words in another language" }).click();
  const second = step(dialog, 1).getByLabel("Say, then", { exact: true });
  assert.ok(await second.evaluate((input) => input === document.activeElement), "the new field has the focus");
  await second.fill("Habla el dentista.");
  await step(dialog, 1).getByLabel("Language").last().fill("es-MX");
  const ask = step(dialog, 2);
  await ask.getByLabel("Ask", { exact: true }).first().fill("Press 1 to confirm, or 2 to cancel.");
  await ask.getByLabel("Name of the question").fill("confirm");
  await ask.getByLabel("Outcome").first().fill("confirmed");
  await ask.getByLabel("Say after the key", { exact: true }).first().fill("Thank you.");
  await ask.getByRole("button", { name: "Add a key" }).click();
  await ask.getByLabel("Outcome").nth(1).fill("canceled");
  assert.ok(await ask.getByLabel("Key", { exact: true }).first().locator('option[value="2"]').evaluate((option) => option.disabled), "no key twice");
  await dialog.getByRole("button", { name: "Say", exact: true }).click();
  await step(dialog, 3).getByLabel("Say", { exact: true }).fill("Not for those who confirm.");
  await dialog.getByRole("button", { name: "Hang up", exact: true }).click();
  await ask.getByLabel("Continue with").first().selectOption({ label: "step 4: hang up" });
  await dialog.getByRole("button", { name: "Place call" }).click();

  await page.getByRole("heading", { name: "Call to" }).waitFor();
  await page.locator('.badge[data-status="completed"]').waitFor();
  const answers = page.locator("section", { has: page.getByRole("heading", { name: "Answers" }) });
  await answers.getByText("Press 1 to confirm, or 2 to cancel.").waitFor();
  await answers.getByText("confirmed", { exact: true }).waitFor();
  assert.equal(await answers.locator("kbd").innerText(), "1");
  const steps = page.locator("section", { has: page.getByRole("heading", { name: "Steps" }) });
  await steps.getByText("Habla el dentista. (Mexican Spanish)").waitFor();
  await steps.getByText("confirmed; says “Thank you.”; then step 4").waitFor();
  assert.equal(await fact(page, "Result"), "confirmed");
  assert.equal(await fact(page, "Said"), "begun; not certain to its end");
  assert.ok(await page.getByRole("heading", { name: "Script" }).isHidden());
  const id = page.url().split("/").at(-1);
  const call = await callApi(FEW, "GET", `/calls/${id}`);
  assert.equal(call.steps[1].options["1"].goto, call.steps[3].id);
  await open(page, "/calls");
  await rowOf(page, call).getByText("confirmed", { exact: true }).waitFor();
}));

test("the errors of steps are shown at their fields", signedIn(FEW, async (page) => {
  const dialog = await fillSteps(page, await newUser(FEW));
  await step(dialog, 1).getByLabel("Say", { exact: true }).fill("Hello.");
  const ask = step(dialog, 2);
  await ask.getByLabel("Name of the question").fill("Two words");
  await ask.getByLabel("Outcome").first().fill("hung_up");
  await ask.getByText("Tries, waiting time, no answer").click();
  await ask.getByLabel("Wait for a key, in seconds").fill("60");
  await ask.getByText("Tries, waiting time, no answer").click();
  await dialog.getByRole("button", { name: "Place call" }).click();
  for (const label of ["Ask", "Name of the question", "Outcome"]) {
    const control = ask.getByLabel(label, { exact: label !== "Outcome" }).first();
    await control.and(dialog.locator("[aria-invalid]")).waitFor();
    const described = (await control.getAttribute("aria-describedby")).split(" ");
    const faults = await Promise.all(described.map((id) => dialog.locator(`[id="${id}"]`).innerText()));
    assert.ok(faults.some((text) => text.includes("must")), `${label}: ${faults}`);
  }
  // The folded section with an error opens.
  await ask.getByLabel("Wait for a key, in seconds").and(dialog.locator("[aria-invalid]")).waitFor();
  assert.ok(await ask.getByLabel("Wait for a key, in seconds").isVisible());
  assert.ok(await ask.getByLabel("Ask", { exact: true }).first().evaluate((input) => input === document.activeElement));
  assert.ok(await dialog.getByRole("alert").isHidden(), "every error has its field");

  // A moved step takes its fields with it.
  await dialog.getByRole("button", { name: "Move up: step 2: ask" }).click();
  await dialog.getByRole("button", { name: "Place call" }).click();
  await step(dialog, 1).getByLabel("Name of the question").and(dialog.locator("[aria-invalid]")).waitFor();
}));

test("the builder works with the keyboard, without barriers and on a narrow screen", signedIn(FEW, async (page) => {
  const dialog = await fillSteps(page, await newUser(FEW));
  await dialog.getByRole("button", { name: "Ask", exact: true }).focus();
  await page.keyboard.press("Enter");
  assert.ok(await step(dialog, 3).getByLabel("Ask", { exact: true }).first().evaluate((input) => input === document.activeElement));
  await dialog.getByRole("button", { name: "Move up: step 3: ask" }).focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await page.locator("#said").getByText("Moved to place 1").waitFor({ state: "attached" });
  assert.ok(await dialog.getByRole("button", { name: "Remove: step 1: ask" }).evaluate((button) => button === document.activeElement));
  await page.keyboard.press("Enter");
  await dialog.getByRole("button", { name: "Remove: step 2: ask" }).waitFor();
  assert.equal(await dialog.locator(".steps > li").count(), 2);
  for (const summary of await dialog.locator("summary:visible").all()) await summary.click();
  assert.deepEqual(await violations(page), []);
  assert.ok((await overflow(page)) <= 0);
  const inside = await dialog.evaluate((element) => element.scrollWidth - element.clientWidth);
  assert.ok(inside <= 0, `${inside} pixels too wide`);
  const wide = await dialog.locator(".step").evaluateAll((all) => all.filter((one) => one.scrollWidth > one.clientWidth).length);
  assert.equal(wide, 0);
}, { viewport: { width: 360, height: 800 } }));

test("a transfer connects the person with another number", signedIn(FEW, async (page) => {
  const dialog = await fillSteps(page, await newUser(FEW), "+12125550100");
  await step(dialog, 1).getByLabel("Say", { exact: true }).fill("One moment.");
  await dialog.getByRole("button", { name: "Remove: step 2: ask" }).click();
  await dialog.getByRole("button", { name: "Transfer", exact: true }).click();
  await dialog.getByRole("button", { name: "Place call" }).click();
  await step(dialog, 2).getByLabel("Number to connect with").and(dialog.locator("[aria-invalid]")).waitFor();
  await step(dialog, 2).getByLabel("Number to connect with").fill(PRESSES_1);
  await step(dialog, 2).getByText("Words for the other party").click();
  await step(dialog, 2).getByLabel("Longest connection, in minutes").fill("1");
  await dialog.getByRole("button", { name: "Place call" }).click();
  await page.getByText(/^Connected/).waitFor();
  await page.locator('.badge[data-status="completed"]').waitFor();
  await page.getByText("Transfer to •••• 0106").waitFor();
  assert.equal(await fact(page, "Result"), "Transferred");
}));

test("the builder has audio, a key that blocks the number, and transcripts", signedIn(FEW, async (page) => {
  const dialog = await fillSteps(page, await newUser(FEW));
  await step(dialog, 1).getByLabel("Say", { exact: true }).fill("Hello.");
  await step(dialog, 1).getByText("Language, voice, spelling, repetition, audio").click();
  await step(dialog, 1).getByLabel("Audio instead of the words").fill("http://media.example.com/hello.wav");
  const ask = step(dialog, 2);
  await ask.getByLabel("Ask", { exact: true }).first().fill("Press 1 for no further calls.");
  await ask.getByLabel("Never call again, and end the call").check();
  assert.ok(await dialog.getByLabel("Transcribe the recording").isHidden());
  await dialog.getByLabel("Record the call").check();
  await dialog.getByLabel("Transcribe the recording").check();
  const [request] = await Promise.all([
    page.waitForRequest((sent) => sent.url().endsWith("/calls/outbound")),
    dialog.getByRole("button", { name: "Place call" }).click(),
  ]);
  const body = request.postDataJSON();
  assert.equal(body.transcribe, true);
  assert.equal(body.steps[0].say.audio_url, "http://media.example.com/hello.wav");
  assert.equal(body.steps[1].options[1].block, true);
  await step(dialog, 1).locator('input[type="url"][aria-invalid]').waitFor();
}));

test("a message is left on an answering machine", signedIn(FEW, async (page) => {
  const dialog = await fillCall(page, await newUser(FEW), "Hello! This is the dentist.");
  await dialog.getByLabel("Number").fill(MACHINE);
  await dialog.getByText("Voice, language, answering machines").click();
  await dialog.getByLabel("If an answering machine answers").selectOption("leave_message");
  await dialog.getByRole("button", { name: "Place call" }).click();
  await dialog.getByLabel("Message for the machine", { exact: true }).and(dialog.locator("[aria-invalid]")).waitFor();
  await dialog.getByLabel("Message for the machine", { exact: true }).fill("This is the dentist. Please call us back.");
  await dialog.getByRole("button", { name: "Place call" }).click();
  await page.getByRole("heading", { name: "Call to" }).waitFor();
  await page.locator('.badge[data-status="completed"]').waitFor();
  await page.locator(".subtitle").getByText("Message left").waitFor();
  await page.getByText("This is the dentist. Please call us back.").waitFor();
  assert.equal(await fact(page, "Answering machines"), "leave a message");
}));

test("a wrong key is no answer, and silence has words of its own", signedIn(FEW, async (page) => {
  const user = await newUser(FEW);
  const wrong = await newCall(FEW, user, { to_number: PRESSES_9_FIRST, script: undefined, steps: [CONFIRM] });
  await open(page, `/calls/${wrong.call_id}`);
  await page.locator('.badge[data-status="completed"]').waitFor();
  await page.getByText("not one of the keys").waitFor();
  assert.deepEqual(await violations(page), []);
  assert.deepEqual(await page.locator(".answers kbd").allInnerTexts(), ["9", "1"]);
  const silent = await newCall(FEW, user, { script: undefined, steps: [{ ...CONFIRM, tries: 1, timeout_seconds: 3 }] });
  await open(page, `/calls/${silent.call_id}`);
  await page.getByText("No key was pressed.").waitFor();
  assert.equal(await fact(page, "Result"), "No answer");
  assert.equal(await fact(page, "Said"), "everything was said to its end");
}));

test("calls are filtered and counted by result", signedIn(FEW, async (page) => {
  const user = await newUser(FEW);
  const one = { script: undefined, to_number: PRESSES_1, steps: [{ ...CONFIRM, options: { 1: { outcome: "for_the_filter" } } }] };
  const call = await newCall(FEW, user, one);
  const other = await newCall(FEW, user, { ...one, steps: [CONFIRM] });
  await waitUntil(async () => (await callApi(FEW, "GET", "/calls?result=for_the_filter")).calls.length === 1, "the stored result");
  await open(page, "/calls");
  await rowOf(page, other).waitFor();
  await page.getByLabel("Result").fill("for_the_filter");
  await page.keyboard.press("Enter");
  await rowOf(page, call).waitFor();
  assert.equal(await page.locator("tr[data-call]").count(), 1);
  assert.ok(page.url().endsWith("/calls?result=for_the_filter"), page.url());
  assert.deepEqual(await violations(page), []);
  await page.getByLabel("Result").fill("Two words");
  await page.keyboard.press("Enter");
  assert.ok(await page.getByLabel("Result").evaluate((input) => !input.validity.valid), "the browser names the form");
  await page.getByRole("link", { name: "Clear" }).click();
  await rowOf(page, other).waitFor();

  await open(page, "/overview?range=1h");
  const card = page.locator("section", { has: page.getByRole("heading", { name: "Calls by result" }) });
  await card.getByRole("link", { name: "for the filter" }).focus();
  assert.deepEqual(await violations(page), []);
  await page.keyboard.press("Enter");
  await rowOf(page, call).waitFor();
  assert.equal(await page.locator("tr[data-call]").count(), 1);
}));
