// The kill switch, switched by an operator's command while somebody looks at the overview.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import test from "node:test";
import { promisify } from "node:util";

import { MANY, as, barriers, open, overflow } from "./stage.mjs";

const REASON = `a stolen key <b>${"x".repeat(120)}</b>`;

function dialing(...words) {
  const uri = `mongodb://${process.env.OUTDIAL_DATABASE}/?directConnection=true`;
  const place = ["--uri", uri, "--database", process.env.OUTDIAL_MANY_DATABASE];
  return promisify(execFile)(process.env.OUTDIAL_XTASK, ["dialing", ...words, ...place]);
}

/** Has the page ask at once, as when the network is back. */
function refresh(page) {
  return page.evaluate(() => dispatchEvent(new Event("online")));
}

test("dialling that is off is told on the overview until it is on again", as(MANY, async (page) => {
  await open(page, "/overview");
  const row = page.locator(".parts li").filter({ hasText: "Dialling" });
  const notice = page.locator(".notice");
  await row.filter({ hasText: "on" }).waitFor();
  assert.ok(await notice.isHidden());
  try {
    await dialing("off", "--reason", REASON, "--by", "ada@desk");
    await refresh(page);
    await page.getByRole("alert").filter({ hasText: "Dialling is off since" }).waitFor();
    assert.equal(await row.getAttribute("data-reach"), "off");
    assert.match(await notice.innerText(), /^Dialling is off since .+ by ada@desk: a stolen key <b>x+<\/b>\n+New calls are refused/);
    assert.deepEqual(await barriers(page), []);
    await page.setViewportSize({ width: 360, height: 740 });
    assert.ok((await overflow(page)) <= 0, "the reason breaks on a phone");
    await dialing("off", "--by", "grace");
    await refresh(page);
    await notice.filter({ hasText: /by grace\s*New calls/ }).waitFor();
  } finally {
    await dialing("on");
  }
  await refresh(page);
  await notice.waitFor({ state: "hidden" });
  await row.filter({ hasText: "on" }).waitFor();
}));
