// Takes the pictures in docs/images, for `cargo xtask console --pictures`.

import assert from "node:assert/strict";
import path from "node:path";

import { MANY, begin, callApi, end, newCall, newPage, open, signIn, waitUntil } from "./support.mjs";

const FOLDER = "docs/images";
const DESKTOP = { viewport: { width: 1280, height: 800 } };
const PHONE = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2 };

const { users } = await callApi(MANY, "GET", "/users");
const scripts = [
  "Hello! Your order is ready to be picked up. We are open until eight tonight, and tomorrow from nine. Thank you, and goodbye!",
  "This is a reminder of your appointment tomorrow at nine. Please call us if you cannot come.",
  "A parcel will be delivered to you today between two and four.",
];

const REMINDER = [
  { say: ["This is the dentist. You have an appointment on Monday at nine.", { text: "Habla el dentista. Tiene una cita el lunes a las nueve.", language: "es-MX" }] },
  {
    id: "confirm",
    ask: ["Press 1 to confirm, or 2 to cancel.", { text: "Pulse 1 para confirmar, o 2 para cancelar.", language: "es-MX" }],
    options: { 1: { outcome: "confirmed", say: "Thank you. Goodbye." }, 2: { outcome: "canceled" } },
    no_input: { outcome: "unconfirmed" },
  },
];

/** Fills in the steps of a new call, and shows the question. */
async function fillSteps(dialog) {
  await dialog.getByLabel("The call", { exact: true }).selectOption("steps");
  await dialog.getByLabel("Say", { exact: true }).fill("This is the dentist. You have an appointment on Monday at nine.");
  await dialog.getByLabel("Ask", { exact: true }).first().fill("Press 1 to confirm, or 2 to cancel.");
  await dialog.getByLabel("Name of the question").fill("confirm");
  await dialog.getByLabel("Outcome").first().fill("confirmed");
  await dialog.getByLabel("Say after the key", { exact: true }).first().fill("Thank you. Goodbye.");
  await dialog.locator(".step").nth(1).evaluate((step) => step.scrollIntoView({ block: "start" }));
}

async function take(page, name) {
  // No animation and no pointer in the picture.
  await page.mouse.move(0, 0);
  await page.evaluate(() => {
    document.activeElement.blur();
    document.getAnimations().forEach((animation) => animation.cancel());
  });
  await page.screenshot({ path: path.join(FOLDER, `console-${name}.png`) });
  console.log(`${FOLDER}/console-${name}.png`);
}

await begin();
try {
  await callApi(MANY, "POST", "/blocked-numbers", { phone_number: "+14155550199" });
  for (const [number, times] of [["+442079460000", 9], ["+14155550199", 6], ["+15005550002", 1], ["+15005550006", 2]]) {
    for (let nth = 0; nth < times; nth += 1) {
      await newCall(MANY, users[4], { to_number: number }).then(() => assert.fail(`${number} is refused`), () => {});
    }
  }
  const recorded = await newCall(MANY, users[0], { script: scripts[0], recording_enabled: true, to_number: users[0].phone_number });
  await waitUntil(async () => {
    const { recordings } = await callApi(MANY, "GET", `/calls/${recorded.call_id}/recordings`);
    return recordings.some((one) => one.status === "completed");
  }, "the recording");
  const reminder = { script: undefined, steps: REMINDER, to_number: "+12125550106" };
  const confirmed = await newCall(MANY, users[1], reminder);
  await newCall(MANY, users[1], { script: scripts[1], to_number: "+12125550101" });
  for (const [device, options] of [["", DESKTOP], ["-phone", PHONE]]) {
    for (const colorScheme of device ? ["light"] : ["light", "dark"]) {
      const page = await newPage({ ...options, colorScheme });
      await page.goto(`${MANY.url}/console`);
      await signIn(page, MANY.key);
      const name = (view) => `${view}${device}${colorScheme === "dark" ? "-dark" : ""}`;
      // Each picture has its own ringing call and its own call in progress.
      await newCall(MANY, users[2], { script: scripts.join(" ").repeat(8), recording_enabled: true });
      await page.locator('[data-status="in-progress"]').first().waitFor();
      await newCall(MANY, users[3], { script: scripts[2], to_number: "+12125550112" });
      await page.locator('[data-status="ringing"]').first().waitFor();
      await page.waitForFunction(() => [...document.querySelectorAll("td .name")].every((element) => element.textContent));
      await take(page, name("calls"));
      await open(page, `/calls/${recorded.call_id}`);
      await page.locator(".wave[data-drawn]").waitFor();
      await page.waitForFunction(() => Number.isFinite(document.querySelector("audio").duration));
      await page.evaluate(() => (document.querySelector("audio").currentTime = document.querySelector("audio").duration * 0.4));
      await page.waitForFunction(() => document.querySelector("audio").currentTime > 0 && !document.querySelector("audio").seeking);
      if (device) await page.locator("section.recording").scrollIntoViewIfNeeded();
      await take(page, name("call"));
      await open(page, `/calls/${confirmed.call_id}`);
      await page.locator(".answers li").waitFor();
      await page.locator(".answers").scrollIntoViewIfNeeded();
      await take(page, name("answers"));
      await open(page, "/calls");
      await page.getByRole("button", { name: "New call" }).click();
      await fillSteps(page.getByRole("dialog"));
      await take(page, name("steps"));
      await page.keyboard.press("Escape");
      await open(page, "/overview?range=24h");
      await page.locator(".plot .bar").first().waitFor();
      await page.locator(".parts li").first().waitFor();
      await take(page, name("overview"));
      await page.context().close();
    }
  }
} finally {
  await end();
}
