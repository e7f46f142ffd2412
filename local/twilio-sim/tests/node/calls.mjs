// The Calls and Recordings resources through Twilio's SDK for Node.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ACCOUNT_SID, FROM, HUMAN, eventually, startSimulator, withStatus } from "./simulator.mjs";

const LONG = "<Response><Pause length='600'/></Response>";

test("created call is queued, without dates", async (t) => {
  const { client } = await startSimulator(t);
  const call = await client.calls.create({ to: HUMAN, from: FROM, twiml: LONG });
  assert.equal(call.status, "queued");
  assert.match(call.sid, /^CA[0-9a-f]{32}$/);
  assert.match(call.phoneNumberSid, /^PN[0-9a-f]{32}$/);
  assert.deepEqual([call.dateCreated, call.dateUpdated, call.startTime, call.endTime], [null, null, null, null]);
  const [number] = await client.incomingPhoneNumbers.list({ phoneNumber: FROM });
  assert.equal(number.sid, call.phoneNumberSid);

  const fetched = await client.calls(call.sid).fetch();
  assert.deepEqual([fetched.sid, fetched.to, fetched.from, fetched.accountSid], [call.sid, HUMAN, FROM, ACCOUNT_SID]);
  assert.ok(fetched.dateCreated instanceof Date);
});

test("calls are listed by number, status and the time of today", async (t) => {
  const { client } = await startSimulator(t);
  const call = await client.calls.create({ to: HUMAN, from: FROM, twiml: LONG });
  await withStatus(client.calls(call.sid), "in-progress");
  await client.calls.create({ to: "+12125550101", from: FROM, twiml: LONG });
  const sids = async (filter) => (await client.calls.list(filter)).map((listed) => listed.sid);
  assert.deepEqual(await sids({ to: HUMAN }), [call.sid]);
  assert.deepEqual(await sids({ status: "in-progress" }), [call.sid]);
  assert.deepEqual(await sids({ to: HUMAN, startTime: new Date() }), [call.sid]);
  assert.deepEqual(await sids({ startTimeAfter: new Date(Date.now() + 86_400_000) }), []);
  assert.equal((await client.calls.list({ pageSize: 1 })).length, 2);
});

test("live call is redirected and then hung up", async (t) => {
  const { client } = await startSimulator(t);
  const call = await client.calls.create({ to: HUMAN, from: FROM, twiml: LONG });
  const own = client.calls(call.sid);
  await withStatus(own, "in-progress");
  await own.update({ twiml: "<Response><Say>Another document.</Say><Pause length='600'/></Response>" });
  await own.update({ status: "completed" });
  const ended = await withStatus(own, "completed");
  assert.ok(ended.endTime instanceof Date);
  await assert.rejects(own.update({ status: "completed" }), { code: 21220, status: 400 });
});

test("recording is started, paused, stopped and deleted", async (t) => {
  const { client } = await startSimulator(t);
  const call = await client.calls.create({ to: HUMAN, from: FROM, twiml: LONG });
  const own = client.calls(call.sid);
  await withStatus(own, "in-progress");
  const started = await own.recordings.create({ recordingChannels: "dual" });
  assert.deepEqual([started.status, started.source, started.channels], ["in-progress", "StartCallRecordingAPI", 2]);
  const recording = own.recordings(started.sid);
  assert.equal((await recording.update({ status: "paused", pauseBehavior: "skip" })).status, "paused");
  assert.equal((await own.recordings("Twilio.CURRENT").update({ status: "in-progress" })).status, "in-progress");
  await own.update({ status: "completed" });
  await eventually(() => recording.fetch(), (seen) => ["completed", "absent"].includes(seen.status));
  assert.deepEqual((await client.recordings.list({ callSid: call.sid })).map((listed) => listed.sid), [started.sid]);
  assert.equal(await recording.remove(), true);
  assert.deepEqual(await own.recordings.list(), []);
});

test("number that the account does not have is refused", async (t) => {
  const { client } = await startSimulator(t);
  const refused = client.calls.create({ to: HUMAN, from: "+14155550100", twiml: LONG });
  await assert.rejects(refused, { code: 21210, status: 400 });
});

test("malformed TwiML is a notification of the call", async (t) => {
  const { client } = await startSimulator(t);
  const call = await client.calls.create({ to: HUMAN, from: FROM, twiml: "<Response><Say>" });
  await withStatus(client.calls(call.sid), "completed");
  const [error] = await client.calls(call.sid).notifications.list();
  assert.deepEqual([error.errorCode, error.log, error.callSid], ["12100", "0", call.sid]);
  assert.equal((await client.calls(call.sid).notifications(error.sid).fetch()).sid, error.sid);
});
