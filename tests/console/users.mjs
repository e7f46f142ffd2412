// The list of users, and the forms that create, change and delete a user.

import assert from "node:assert/strict";
import test from "node:test";

import { FEW, NUMBER, callApi, newCall, newUser, open, signedIn } from "./support.mjs";

test("a user is created, changed and deleted", signedIn(FEW, async (page) => {
  const email = `katherine.${process.pid}@example.com`;
  await open(page, "/users");
  await page.getByRole("button", { name: "New user" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Katherine Johnson");
  await dialog.getByLabel("E-mail address").fill("no address");
  await dialog.getByRole("button", { name: "Create user" }).click();
  await dialog.locator('[data-field="email"] [aria-invalid]').waitFor();
  await dialog.locator('[data-field="phone_number"] [aria-invalid]').waitFor();
  await dialog.getByLabel("E-mail address").fill(email);
  await dialog.getByLabel("Number").fill(NUMBER);
  await dialog.getByLabel("Time zone").fill("America/New_York");
  await dialog.getByRole("button", { name: "Create user" }).click();
  await page.getByRole("heading", { name: "Katherine Johnson" }).waitFor();

  await page.getByRole("button", { name: "Edit" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("Katherine G. Johnson");
  await page.getByRole("dialog").getByLabel("Time zone").fill("");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "Katherine G. Johnson" }).waitFor();
  const { users } = await callApi(FEW, "GET", `/users?email=${encodeURIComponent(email)}`);
  assert.equal(users[0].name, "Katherine G. Johnson");
  assert.equal(users[0].time_zone ?? null, null);

  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Delete user" }).click();
  await page.getByRole("heading", { name: "Users" }).waitFor();
  assert.deepEqual((await callApi(FEW, "GET", `/users?email=${encodeURIComponent(email)}`)).users, []);
}));

test("a user with calls shows them and cannot be deleted", signedIn(FEW, async (page) => {
  const user = await newUser(FEW, { name: "Barbara Liskov" });
  const call = await newCall(FEW, user);
  await open(page, `/users/${user.id}`);
  await page.locator(`tr[data-call="${call.call_id}"]`).waitFor();
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Delete user" }).click();
  await page.getByRole("alertdialog").getByRole("alert").getByText(/calls/).waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "New call" }).click();
  assert.equal(await page.getByRole("dialog").getByLabel("User").inputValue(), user.email);
  assert.equal(await page.getByRole("dialog").getByLabel("Number").inputValue(), NUMBER);
}));

test("a duplicate address shows the API's error", signedIn(FEW, async (page) => {
  const user = await newUser(FEW);
  await open(page, "/users");
  await page.getByRole("button", { name: "New user" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Somebody Else");
  await dialog.getByLabel("E-mail address").fill(user.email.toUpperCase());
  await dialog.getByLabel("Number").fill(NUMBER);
  await dialog.getByRole("button", { name: "Create user" }).click();
  await dialog.getByText(/address/i).nth(1).waitFor();
  await dialog.getByRole("alert").or(dialog.locator(".fault:not([hidden])")).first().waitFor();
}));
