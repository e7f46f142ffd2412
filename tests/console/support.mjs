// Support for the tests: a browser, signed-in pages, calls to the API, and a database connection that can be cut.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import net from "node:net";
import path from "node:path";

const require = createRequire(path.join(process.env.OUTDIAL_PACKAGES, "/"));
const { chromium } = require("playwright-core");
const AXE = require("axe-core").source;

export const FEW = { url: process.env.OUTDIAL_URL, key: process.env.OUTDIAL_API_KEY };
export const MANY = {
  url: process.env.OUTDIAL_MANY_URL,
  key: process.env.OUTDIAL_MANY_API_KEY,
  calls: Number(process.env.OUTDIAL_MANY_CALLS),
  batch: process.env.OUTDIAL_MANY_BATCH,
};
export const NUMBER = "+14155552671";
/** A simulated phone that rings for 25 seconds. */
export const SLOW = "+12125550112";
/** A number that Twilio refuses, with its error code. */
export const REFUSED = { number: "+15005550002", code: 21214 };

const TIMEOUT_MS = 30_000;

/** A proxy between the functions and their database, which can cut all connections. */
class DatabaseProxy {
  constructor() {
    const [host, port] = process.env.OUTDIAL_DATABASE.split(":");
    this.isConnected = true;
    this.sockets = new Set();
    this.server = net.createServer((from) => {
      if (!this.isConnected) {
        from.destroy();
        return;
      }
      const to = net.connect(Number(port), host);
      for (const [one, other] of [[from, to], [to, from]]) {
        this.sockets.add(one);
        one.on("error", () => {});
        one.on("close", () => {
          this.sockets.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
  }

  async open() {
    await new Promise((resolve) => this.server.listen(Number(process.env.OUTDIAL_DATABASE_PORT), "127.0.0.1", resolve));
  }

  disconnect() {
    this.isConnected = false;
    this.sockets.forEach((socket) => socket.destroy());
  }

  reconnect() {
    this.isConnected = true;
  }

  close() {
    this.disconnect();
    this.server.close();
  }
}

export const database = new DatabaseProxy();
let browser;

export async function begin() {
  await database.open();
  browser = await chromium.launch({
    executablePath: process.env.OUTDIAL_BROWSER,
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync",
    ],
  });
}

export async function end() {
  await browser?.close();
  database.close();
}

/** Error responses of the API, which Chromium logs as errors of the page. */
const API_ERROR = /^Failed to load resource: the server responded with a status of \d+|net::ERR_(ABORTED|FAILED|CONNECTION)/;

/** Opens a page in a new browser context, and collects its errors and warnings. */
export async function newPage(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, timezoneId: "UTC", locale: "en-US", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT_MS);
  page.problems = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !API_ERROR.test(message.text())) page.problems.push(message.text());
  });
  page.on("pageerror", (error) => page.problems.push(error.stack));
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => console.error(`blocked: ${event.violatedDirective} ${event.blockedURI}`));
  });
  return page;
}

export async function closePage(page) {
  assert.deepEqual(page.problems, [], "the page logs no errors");
  await page.context().close();
}

/** Returns a test function that runs `play` in a signed-in page. */
export function signedIn(place, play, options) {
  return async () => {
    const page = await newPage(options);
    try {
      await page.goto(`${place.url}/console`);
      await signIn(page, place.key);
      await play(page);
      await closePage(page);
    } catch (error) {
      await page.screenshot({ path: path.join(process.env.OUTDIAL_FOLDER, "failed.png") }).catch(() => {});
      throw error;
    } finally {
      await page.context().close();
    }
  };
}

export async function signIn(page, key) {
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("navigation", { name: "Console" }).waitFor();
}

export async function open(page, path) {
  await page.evaluate((hash) => (location.hash = hash), `#${path}`);
}

/** Calls the API directly. */
export async function callApi(place, method, path, body, headers = {}) {
  const response = await fetch(`${place.url}${path}`, {
    method,
    headers: { Authorization: `Bearer ${place.key}`, ...(body && { "Content-Type": "application/json" }), ...headers },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text ? JSON.parse(text) : null;
}

let users = 0;

export function newUser(place, more = {}) {
  users += 1;
  const email = `person${users}.${process.pid}@example.com`;
  return callApi(place, "POST", "/users", { name: "Ada Lovelace", email, phone_number: NUMBER, ...more });
}

export function newCall(place, user, more = {}) {
  return callApi(place, "POST", "/calls/outbound", { user_id: user.id, to_number: NUMBER, script: "Hello! Goodbye!", ...more });
}

export function newBatch(place, user, more = {}) {
  return callApi(place, "POST", "/batches", { user_id: user.id, name: "Parcels", script: "Hello {{ first_name }}!", ...more });
}

/** The row of a call in a list. */
export const rowOf = (page, call) => page.locator(`tr[data-call="${call.call_id}"]`);

/** Opens the form for a call and fills it in. */
export async function fillCall(page, user, script = "Hello! This is a test. Goodbye!") {
  await page.getByRole("button", { name: "New call" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("User").fill(user.email);
  await dialog.getByLabel("Number").fill(NUMBER);
  await dialog.getByLabel("Script").fill(script);
  return dialog;
}

/** The value of an input for a time in UTC, which is the pages' time zone. */
export const local = (at) => new Date(at).toISOString().slice(0, 16);

/** Waits until `found` returns a value. */
export async function waitUntil(found, what) {
  const deadline = Date.now() + TIMEOUT_MS;
  for (;;) {
    const value = await found();
    if (value) return value;
    assert.ok(Date.now() < deadline, `timed out waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Returns the value with this name among the details of a call. */
export function fact(page, name) {
  return page.locator(".facts div").filter({ has: page.getByText(name, { exact: true }) }).locator("dd").innerText();
}

/** Returns the accessibility violations that axe finds. */
export async function violations(page) {
  // Finish animations, because their intermediate colours are not part of the design.
  await page.evaluate(() => {
    for (const animation of document.getAnimations()) {
      if (animation.effect.getTiming().iterations !== Infinity) animation.finish();
    }
  });
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run());
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ").slice(0, 300)}`);
}

/** Returns by how many pixels the page is wider than the screen. */
export function overflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
}
