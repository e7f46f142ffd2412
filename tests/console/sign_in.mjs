// Signing in: the page's files, the key and its scopes.

import assert from "node:assert/strict";
import test from "node:test";

import { FEW, closePage, newPage, open, signIn, signedIn } from "./support.mjs";

test("the page and its files come from one host and are cached", async () => {
  const page = await fetch(`${FEW.url}/console`);
  const policy = page.headers.get("content-security-policy");
  assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
  assert.doesNotMatch(policy, /unsafe|\*|data:|blob:/);
  assert.equal(page.headers.get("cache-control"), "no-cache");
  const html = await page.text();
  assert.doesNotMatch(html, /<script>|<style|style=|onload=|https?:/);
  const paths = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path);
  assert.ok(paths.length >= 4);
  for (const path of [...paths, "/console"]) {
    const whole = await fetch(`${FEW.url}${path}`);
    assert.equal(whole.status, 200, path);
    assert.equal(whole.headers.get("x-content-type-options"), "nosniff");
    assert.equal(whole.headers.get("referrer-policy"), "no-referrer");
    const tag = whole.headers.get("etag");
    const again = await fetch(`${FEW.url}${path}`, { headers: { "If-None-Match": tag } });
    assert.equal(again.status, 304, path);
    assert.equal(await again.text(), "");
  }
});

test("a wrong key shows the API's error, and a valid key is kept only in memory", async () => {
  const page = await newPage();
  await page.goto(`${FEW.url}/console`);
  await page.getByLabel("API key").fill("wrong");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.locator("#key-fault").filter({ hasText: /API key/i }).waitFor();
  await signIn(page, FEW.key);
  const traces = await page.evaluate(async () => [
    JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage }), document.cookie, location.href, document.body.innerHTML,
    String((await indexedDB.databases()).length),
  ]);
  for (const trace of traces) assert.ok(!trace.includes(FEW.key));
  assert.equal(traces.at(-1), "0");
  await page.reload();
  await page.getByLabel("API key").waitFor();
  assert.equal(await page.getByLabel("API key").inputValue(), "");
  await closePage(page);
});

test("a revoked key leads back to the form with the error", signedIn(FEW, async (page) => {
  await page.route("**/calls?*", (route) => route.continue({ headers: { ...route.request().headers(), authorization: "Bearer revoked" } }));
  await page.locator("#key-fault").filter({ hasText: /API key/i }).waitFor();
  assert.ok(await page.getByLabel("API key").evaluate((input) => input === document.activeElement));
}));

test("a missing scope is shown in place of the content", signedIn(FEW, async (page) => {
  await page.route("**/users?*", (route) =>
    route.fulfill({
      status: 403,
      contentType: "application/problem+json",
      body: JSON.stringify({ status: 403, code: "missing_scope", detail: "This key lacks the scope users:read.", errors: [], request_id: "r-1" }),
    }),
  );
  await open(page, "/users");
  await page.getByRole("alert").getByText("This key lacks the scope users:read.").waitFor();
}));

test("requests do not overlap, and unchanged data is a 304", signedIn(FEW, async (page) => {
  const running = new Set();
  let most = 0;
  page.on("request", (request) => {
    if (new URL(request.url()).pathname === "/calls") most = Math.max(most, running.add(request).size);
  });
  page.on("requestfinished", (request) => running.delete(request));
  const next = () => page.waitForResponse((response) => new URL(response.url()).pathname === "/calls" && response.status() === 304);
  await next();
  const unchanged = await next();
  assert.ok((await unchanged.request().allHeaders())["if-none-match"]);
  assert.equal(most, 1);
}));
