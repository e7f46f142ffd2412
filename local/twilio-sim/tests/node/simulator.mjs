// A running simulator, and Twilio's SDK for Node directed to it.

import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const required = (name) => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run cargo xtask test --only simulator-and-twilios-sdk`);
  return value;
};

const load = createRequire(join(required("TWILIO_SIM_PACKAGES"), "package.json"));

/** The official SDK. */
export const twilio = load("twilio");
export const express = load("express");
export const VoiceResponse = twilio.twiml.VoiceResponse;

export const ACCOUNT_SID = "AC" + "0123456789abcdef".repeat(2);
export const AUTH_TOKEN = "f0e1d2c3b4a5968778695a4b3c2d1e0f";
export const FROM = "+15005550006";
export const HUMAN = "+16465550100";
export const PRESSES_ONE = "+12125550106";
export const PRESSES_ONE_AT_THE_SECOND = "+12125550113";
const TWILIO_ORIGIN = "https://api.twilio.com";
const DEADLINE_MS = 20_000;

/** Starts a simulator that ends with the test `t`. Returns its origin and a client of the SDK. */
export async function startSimulator(t) {
  const options = ["--listen", "127.0.0.1:0", "--speed", "40", "--account-sid", ACCOUNT_SID, "--auth-token", AUTH_TOKEN];
  const child = spawn(required("TWILIO_SIM"), options, { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill());
  const origin = await announced(child);
  return { origin, client: twilio(ACCOUNT_SID, AUTH_TOKEN, { httpClient: new RedirectingClient(origin) }) };
}

async function announced(child) {
  let printed = "";
  for await (const chunk of child.stdout) {
    printed += chunk;
    const match = /twilio-sim listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(printed);
    if (match) {
      child.stdout.resume();
      return match[1];
    }
  }
  throw new Error(`the simulator printed no address: ${printed}`);
}

/** The SDK's own HTTP client, with another origin. */
class RedirectingClient extends twilio.RequestClient {
  constructor(origin) {
    super();
    this.origin = origin;
  }

  request(options) {
    if (!options.uri.startsWith(`${TWILIO_ORIGIN}/`)) throw new Error(`not a URL of the API: ${options.uri}`);
    return super.request({ ...options, uri: this.origin + options.uri.slice(TWILIO_ORIGIN.length) });
  }
}

/** Calls `look` until its result satisfies `holds`, and returns it. Fails after a time limit. */
export async function eventually(look, holds) {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const seen = await look();
    if (holds(seen)) return seen;
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(seen)?.slice(0, 2000)}`);
    await sleep(20);
  }
}

/** Waits until the call has this status, and returns it. */
export const withStatus = (call, status) => eventually(() => call.fetch(), (seen) => seen.status === status);
