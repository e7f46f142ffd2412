// An Express application that answers with the SDK's VoiceResponse, behind the SDK's webhook middleware.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";

import {
  AUTH_TOKEN,
  FROM,
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
    document.play({ loop: 1 }, "https://example.com/thanks.wav");
    document.say(`You pressed ${request.body.Digits}.`);
    document.hangup();
    respond(response, document);
  });
  app.post("/status", (_, response) => response.status(204).end());

  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return { origin: `http://127.0.0.1:${server.address().port}`, passed };
}

async function callOf(t, to, authToken = AUTH_TOKEN) {
  const [{ client, origin }, application] = await Promise.all([startSimulator(t), startApplication(t, authToken)]);
  const call = await client.calls.create({
    to,
    from: FROM,
    url: `${application.origin}/voice`,
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

test("middleware refuses the signature of another auth token", async (t) => {
  const { client, call, passed } = await callOf(t, PRESSES_ONE, "another-token");
  assert.deepEqual(passed, []);
  const notifications = await client.calls(call.sid).notifications.list();
  assert.ok(notifications.some((own) => own.errorCode === "11200" && own.log === "0"));
});
