// An Express application that answers with the SDK's VoiceResponse, behind the SDK's webhook middleware.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";

import {
  AUTH_TOKEN,
  FROM,
  HUMAN,
  PRESSES_ONE,
  PRESSES_ONE_AT_THE_SECOND,
  VoiceResponse,
  eventually,
  express,
  startSimulator,
  twilio,
  withStatus,
} from "./simulator.mjs";

/** Starts the application. Returns its origin, and the paths of the requests that the middleware let pass. */
async function startApplication(t, authToken) {
  const passed = [];
  const app = express();
  // Twilio fetches audio without a signature.
  app.get("/thanks.wav", (_, response) => response.type("audio/wav").send(Buffer.from("RIFF")));
  app.use(express.urlencoded({ extended: false }));
  app.use(twilio.webhook(authToken, { protocol: "http" }));
  app.use((request, _, next) => {
    passed.push(request.path);
    next();
  });
  const respond = (response, document) => response.type("text/xml").send(document.toString());

  app.post("/voice", (_, response) => {
    const document = new VoiceResponse();
    const gather = document.gather({ action: "/pressed", method: "POST", numDigits: 1, timeout: 3, input: "dtmf" });
    gather.say({ voice: "Polly.Vicki", language: "de-DE" }, "Grüße & <guten> Tag. Drücken Sie die 1.");
    gather.pause({ length: 1 });
    document.redirect({ method: "POST" }, "/voice?again=ja&x=%20");
    respond(response, document);
  });
  app.post("/pressed", (request, response) => {
    const document = new VoiceResponse();
    document.play({ loop: 1 }, "/thanks.wav");
    document.say(`You pressed ${request.body.Digits}.`);
    document.hangup();
    respond(response, document);
  });
  app.post("/transfer", (_, response) => {
    const document = new VoiceResponse();
    document.say("One moment.");
    const dial = document.dial({ action: "/connected", callerId: FROM, timeout: 10, timeLimit: 60 });
    const leg = { url: "/whisper", statusCallback: "/leg", statusCallbackEvent: ["answered", "completed"] };
    dial.number(leg, PRESSES_ONE);
    respond(response, document);
  });
  app.post("/whisper", (_, response) => {
    const document = new VoiceResponse();
    document.gather({ action: "/accepted", numDigits: 1, timeout: 3 }).say("Press 1 to talk.");
    document.hangup();
    respond(response, document);
  });
  app.post("/accepted", (request, response) => {
    const document = new VoiceResponse();
    if (request.body.Digits !== "1") document.hangup();
    respond(response, document);
  });
  app.post("/connected", (request, response) => {
    const document = new VoiceResponse();
    document.say(`Connected: ${request.body.DialBridged}. Status: ${request.body.DialCallStatus}.`);
    respond(response, document);
  });
  app.post(["/status", "/leg"], (_, response) => response.status(204).end());

  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return { origin: `http://127.0.0.1:${server.address().port}`, passed };
}

async function callOf(t, to, { authToken = AUTH_TOKEN, path = "/voice" } = {}) {
  const [{ client, origin }, application] = await Promise.all([startSimulator(t), startApplication(t, authToken)]);
  const call = await client.calls.create({
    to,
    from: FROM,
    url: application.origin + path,
    statusCallback: `${application.origin}/status`,
  });
  await withStatus(client.calls(call.sid), "completed");
  const [report] = await eventually(
    async () => (await (await fetch(`${origin}/_sim/calls?call_sid=${call.sid}`)).json()).calls,
    ([seen]) => seen.callbacks.sent === 1,
  );
  return { client, call, passed: application.passed, report };
}

test("pressed key leads to the action of the Gather", async (t) => {
  const { passed, report } = await callOf(t, PRESSES_ONE);
  await eventually(() => passed, (seen) => seen.includes("/status"));
  assert.deepEqual(passed, ["/voice", "/pressed", "/status"]);
  assert.ok(report.spoken.includes("You pressed 1."), JSON.stringify(report.spoken));
});

test("silence leads to the Redirect, whose query is part of the signature", async (t) => {
  const { passed, report } = await callOf(t, PRESSES_ONE_AT_THE_SECOND);
  assert.deepEqual(passed.slice(0, 3), ["/voice", "/voice", "/pressed"]);
  assert.equal(report.spoken[0], "Grüße & <guten> Tag. Drücken Sie die 1.");
});

test("Dial connects the call with a second party, after its whisper", async (t) => {
  const { client, call, passed, report } = await callOf(t, HUMAN, { path: "/transfer" });
  await eventually(() => passed, (seen) => seen.filter((path) => path === "/leg").length === 2);
  assert.deepEqual(passed.filter((path) => !["/leg", "/status"].includes(path)), ["/transfer", "/whisper", "/accepted", "/connected"]);
  assert.deepEqual(report.spoken, ["One moment.", "Connected: true. Status: completed."]);
  const legs = await client.calls.list({ parentCallSid: call.sid });
  assert.deepEqual(legs.map((leg) => [leg.direction, leg.to, leg.status]), [["outbound-dial", PRESSES_ONE, "completed"]]);
});

test("middleware refuses the signature of another auth token", async (t) => {
  const { client, call, passed } = await callOf(t, PRESSES_ONE, { authToken: "another-token" });
  assert.deepEqual(passed, []);
  const notifications = await client.calls(call.sid).notifications.list();
  assert.ok(notifications.some((own) => own.errorCode === "11200" && own.log === "0"));
});
