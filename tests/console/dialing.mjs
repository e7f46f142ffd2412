// The kill switch: the overview while an operator switches dialling off and on.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import test from "node:test";
import { promisify } from "node:util";

import { MANY, open, overflow, signedIn, violations } from "./support.mjs";

const REASON = `a stolen key <b>${"x".repeat(120)}</b>`;

function dialing(...words) {
  const uri = `mongodb://${process.env.OUTDIAL_DATABASE}/?directConnection=true`;
  const place = ["--uri", uri, "--database", process.env.OUTDIAL_MANY_DATABASE];
  return promisify(execFile)(process.env.OUTDIAL_XTASK, ["dialing", ...words, ...place]);
}

/** Makes the page load now, as after the return of the network. */
function refresh(page) {
  return page.evaluate(() => dispatchEvent(new Event("online")));
}

test("the overview shows that dialling is off until it is on again", signedIn(MANY, async (page) => {
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
    assert.deepEqual(await violations(page), []);
    await page.setViewportSize({ width: 360, height: 740 });
    assert.ok((await overflow(page)) <= 0, "the reason wraps on a phone");
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
