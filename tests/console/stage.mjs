// What the tests stand on: a browser, people who use the console in it, and a database that can be taken away.

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
};
export const NUMBER = "+14155552671";
/** A simulated phone that rings for 25 seconds. */
export const SLOW = "+12125550112";
/** Refused by Twilio, with its code. */
export const REFUSED = { number: "+15005550002", code: 21214 };

const PATIENCE_MS = 30_000;

/** Stands between the functions and their database. */
class Between {
  constructor() {
    const [host, port] = process.env.OUTDIAL_DATABASE.split(":");
    this.isThere = true;
    this.sockets = new Set();
    this.server = net.createServer((from) => {
      if (!this.isThere) {
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

  takeAway() {
    this.isThere = false;
    this.sockets.forEach((socket) => socket.destroy());
  }

  giveBack() {
    this.isThere = true;
  }

  close() {
    this.takeAway();
    this.server.close();
  }
}

export const database = new Between();
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

/** Refusals of the API, which Chromium lists among its errors: the console itself has none. */
const REFUSAL = /^Failed to load resource: the server responded with a status of \d+|net::ERR_(ABORTED|FAILED|CONNECTION)/;

/** Somebody at a screen. What the page complains of ends the test. */
export async function visitor(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, timezoneId: "UTC", locale: "en-US", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.complaints = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !REFUSAL.test(message.text())) page.complaints.push(message.text());
  });
  page.on("pageerror", (error) => page.complaints.push(error.stack));
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => console.error(`blocked: ${event.violatedDirective} ${event.blockedURI}`));
  });
  return page;
}

export async function leave(page) {
  assert.deepEqual(page.complaints, [], "the page complains of nothing");
  await page.context().close();
}

/** Runs a test as somebody who has entered a key. */
export function as(place, play, options) {
  return async () => {
    const page = await visitor(options);
    try {
      await page.goto(`${place.url}/console`);
      await signIn(page, place.key);
      await play(page);
      await leave(page);
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

/** The API, asked beside the console. */
export async function ask(place, method, path, body, headers = {}) {
  const answer = await fetch(`${place.url}${path}`, {
    method,
    headers: { Authorization: `Bearer ${place.key}`, ...(body && { "Content-Type": "application/json" }), ...headers },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : null;
}

let users = 0;

export function newUser(place, more = {}) {
  users += 1;
  const email = `person${users}.${process.pid}@example.com`;
  return ask(place, "POST", "/users", { name: "Ada Lovelace", email, phone_number: NUMBER, ...more });
}

export function newCall(place, user, more = {}) {
  return ask(place, "POST", "/calls/outbound", { user_id: user.id, to_number: NUMBER, script: "Hello! Goodbye!", ...more });
}

/** Waits for what the API tells in the end. */
export async function until(found, what) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const value = await found();
    if (value) return value;
    assert.ok(Date.now() < deadline, `in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** What the page says under that name among the details. */
export function fact(page, name) {
  return page.locator(".facts div").filter({ has: page.getByText(name, { exact: true }) }).locator("dd").innerText();
}

/** What axe finds, in words. */
export async function barriers(page) {
  // Colours in between are nobody's choice.
  await page.evaluate(() => {
    for (const animation of document.getAnimations()) {
      if (animation.effect.getTiming().iterations !== Infinity) animation.finish();
    }
  });
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run());
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ").slice(0, 300)}`);
}

/** How much wider than the screen the page is. */
export function overflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
}
