// The view of one call.

import { get, post, segment } from "./api.js";
import { badge, maskedNumber, setBadge } from "./calls.js";
import { h, icon, say, setText, toast } from "./dom.js";
import { confirmDialog, twilioWords } from "./forms.js";
import { LIVE, inWords, isErased, length, masked, now, statusWord, talked, took, when, wholeTime } from "./format.js";
import { withName } from "./names.js";
import { Poller } from "./poll.js";
import { isRunning, recordingView, recordingWords } from "./recording.js";
import { failure, loading } from "./states.js";
import { timeline } from "./timeline.js";

const LIVE_MS = 1_000;
const AWAITED_MS = 2_000;
const CALM_MS = 15_000;
/** How long after the end of a call the page polls often for its recording. */
const AWAITED_FOR_MS = 180_000;

const SIP = {
  404: "the number was not found",
  408: "no answer in time",
  480: "the phone is unavailable",
  486: "the line is busy",
  487: "ended before an answer",
  503: "the carrier was not available",
  603: "declined",
};
const OUTCOMES = {
  pending: "no response from Twilio yet",
  accepted: "Twilio accepted the call",
  refused: "Twilio refused the call",
  unknown: "Twilio's response was lost; the call is not dialled again",
};
const ANSWERED_BY = {
  human: "a person",
  fax: "a fax",
  unknown: "unknown",
  machine_start: "an answering machine",
  machine_end_beep: "an answering machine, after its beep",
  machine_end_silence: "an answering machine, after its greeting",
  machine_end_other: "an answering machine",
};

/** The notice about a failed call, or null. */
function fault(call) {
  if (!call.error_code && !call.error_message && call.dial_outcome !== "unknown") return null;
  const words = call.error_message ?? (call.dial_outcome === "unknown" ? `${OUTCOMES.unknown}.` : "The call failed.");
  return h(
    "div",
    { class: "notice failed" },
    icon("warning"),
    h("div", {}, h("p", { class: "title" }, words), call.error_code && twilioWords(call.error_code)),
  );
}

/** The notice about an apology instead of the script, or null. */
function undelivered(call) {
  if (call.delivery !== "none") return null;
  const words = "The message was not delivered: an apology was spoken.";
  return h("div", { class: "notice failed" }, icon("warning"), h("div", {}, h("p", { class: "title" }, words)));
}

function facts(call, recording) {
  // The call of an erased person has no user id.
  const user = isErased(call) ? h("span", {}, "erased") : h("a", { href: `#/users/${segment(call.user_id)}` }, call.user_id);
  withName(call.user_id, (name) => setText(user, name));
  const sip = call.sip_response_code;
  const rows = [
    ["User", user],
    ["From", h("span", { class: "number" }, call.from_number)],
    ["Placed", h("time", { datetime: call.created_at, title: wholeTime(call.created_at) }, when(call.created_at))],
    ["Placed by", call.created_by && `key “${call.created_by}”`],
    ["Dialling", OUTCOMES[call.dial_outcome]],
    ["Answered by", call.answered_by && (ANSWERED_BY[call.answered_by] ?? call.answered_by)],
    ["Recording", recording],
    ["Answering machine detection", { Enable: "on", DetectMessageEnd: "on, speaks after the greeting" }[call.machine_detection] ?? "off"],
    ["Voice", call.voice],
    ["Language", call.language],
    ["Phone network", sip && sip !== 200 && `${SIP[sip] ?? "SIP response"} (${sip})`],
    ["Call id", h("code", {}, call.call_id)],
    ["Twilio SID", call.twilio_sid && h("code", {}, call.twilio_sid)],
    ...Object.entries(call.metadata ?? {}).map(([name, value]) => [name, value]),
  ];
  return h(
    "dl",
    { class: "facts" },
    rows.filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );
}

export function callView(main, { id, head }) {
  const path = `/calls/${segment(id)}`;
  const status = badge("initiated");
  const duration = h("span", { class: "talked" });
  const number = h("span", { class: "to" });
  const reveal = h("button", { class: "button quiet", type: "button", "aria-pressed": "false" }, "Show number");
  const hangUp = h("button", { class: "button danger", type: "button", hidden: true }, "Hang up");
  const title = h("div", { class: "subtitle" }, status, duration, reveal);
  const heading = head("Call", hangUp);
  const place = h("div", { class: "state" }, loading("the call"));
  const line = timeline();
  const notice = h("div");
  const script = h("blockquote", { class: "spoken" });
  const details = h("div");
  const audio = h("div", { class: "recordings" });
  const body = h(
    "div",
    { class: "call", hidden: true },
    title,
    notice,
    h("section", { class: "card" }, h("h2", {}, "Timeline"), line.element),
    audio,
    h("section", { class: "card" }, h("h2", {}, "Script"), script),
    h("section", { class: "card" }, h("h2", {}, "Details"), details),
  );
  main.append(h("a", { class: "up", href: "#/calls" }, icon("back"), "Calls"), heading, place, body);

  let call = null;
  let recordings = [];
  let wasRecorded = false;
  let isShown = false;
  const players = new Map();
  const stamp = { fault: "", facts: "" };

  const showNumber = () => {
    number.replaceChildren(...(isShown ? [h("span", { class: "number" }, call.to_number)] : maskedNumber(call.to_number)));
    reveal.hidden = call.to_number === "";
    setText(reveal, isShown ? "Hide number" : "Show number");
    reveal.setAttribute("aria-pressed", isShown);
  };
  reveal.addEventListener("click", () => {
    isShown = !isShown;
    showNumber();
  });
  hangUp.addEventListener("click", () =>
    confirmDialog({
      title: "Hang up this call?",
      body: `The call to ${masked(call.to_number)} ends immediately.`,
      action: "Hang up",
      act: async () => {
        await post(`${path}/hangup`, undefined);
        toast("Hanging up");
        poller.now();
      },
    }),
  );

  const showTime = () => {
    const seconds = talked(call);
    setText(duration, seconds === null ? "" : LIVE.has(call.status) ? length(seconds) : `${inWords(seconds)} in call`);
  };
  const show = () => {
    if (body.hidden) {
      body.hidden = false;
      place.remove();
      const h1 = heading.querySelector("h1");
      h1.replaceChildren("Call to ", number);
      showNumber();
      setText(script, isErased(call) ? "erased" : call.script);
    }
    setBadge(status, call.status);
    showTime();
    const hadFocus = document.activeElement === hangUp;
    hangUp.hidden = !LIVE.has(call.status);
    hangUp.disabled = call.hangup_requested;
    setText(hangUp, call.hangup_requested ? "Hanging up" : "Hang up");
    if (hadFocus && (hangUp.hidden || hangUp.disabled)) heading.querySelector("h1").focus();
    const wrong = JSON.stringify([call.error_code, call.error_message, call.dial_outcome, call.delivery]);
    if (wrong !== stamp.fault) {
      stamp.fault = wrong;
      notice.replaceChildren(...[undelivered(call), fault(call)].filter(Boolean));
    }
    const { events, updated_at, status: _, ...still } = call;
    const recording = recordingWords(call, recordings, isFresh());
    const known = JSON.stringify([still, recording]);
    if (known !== stamp.facts) {
      stamp.facts = known;
      details.replaceChildren(facts(call, recording));
    }
    line.update(call, recordings);
    showRecordings();
  };
  const showRecordings = () => {
    const shown = recordings.filter((one) => one.status !== "deleted");
    const wanted = new Map(shown.map((one) => [`${one.id} ${one.status} ${isRunning(call, one)}`, one]));
    for (const [name, player] of players) {
      if (wanted.has(name)) continue;
      player.stop();
      player.element.remove();
      players.delete(name);
    }
    for (const [name, recording] of wanted) {
      if (players.has(name)) continue;
      const player = recordingView(recording, { running: isRunning(call, recording), deleted: () => poller.now() });
      player.element.classList.add("card");
      players.set(name, player);
      audio.append(player.element);
    }
  };
  /** True shortly after the call's end, while its recording may be missing. If it was there before, it was deleted. */
  const isFresh = () => !wasRecorded && now() - Date.parse(call.updated_at) < AWAITED_FOR_MS;
  const awaitsRecording = () =>
    call.recording_enabled &&
    call.status === "completed" &&
    isFresh() &&
    (recordings.length === 0 || recordings.some((one) => one.status === "processing"));

  const poller = new Poller({
    load: async (signal) => {
      const latest = await get(path, signal);
      if (latest.recording_enabled && (latest.status === "completed" || took(latest, "in-progress"))) {
        ({ recordings } = await get(`${path}/recordings`, signal));
        wasRecorded ||= recordings.some((one) => one.status === "completed");
      }
      if (call && call.status !== latest.status) say(`The call is ${statusWord(latest.status).toLowerCase()}`);
      call = latest;
      show();
    },
    every: () => (call && LIVE.has(call.status) ? LIVE_MS : call && awaitsRecording() ? AWAITED_MS : CALM_MS),
    failed: (problem) => {
      if (call && problem.isAway) return;
      body.hidden = true;
      heading.after(place);
      place.replaceChildren(failure(problem));
    },
  });
  const ticking = setInterval(() => call && LIVE.has(call.status) && showTime(), 1_000);
  return () => {
    clearInterval(ticking);
    poller.stop();
    line.stop();
    players.forEach((player) => player.stop());
  };
}
