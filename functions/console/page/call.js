// The view of one call.

import { get, segment } from "./api.js";
import { attemptsOf, attemptsView } from "./attempts.js";
import { badge, maskedNumber, setBadge } from "./badge.js";
import { callActions } from "./call_actions.js";
import { facts, fault, undelivered, waiting } from "./call_facts.js";
import { stepsView } from "./call_steps.js";
import { h, icon, say, setText } from "./dom.js";
import { LIVE, inWords, isErased, length, now, spoken, statusWord, talked, took } from "./format.js";
import { Poller } from "./poll.js";
import { isRunning, recordingView, recordingWords } from "./recording.js";
import { resultNote } from "./results.js";
import { failure, loading } from "./states.js";
import { timeline } from "./timeline.js";

const LIVE_MS = 1_000;
const AWAITED_MS = 2_000;
const CALM_MS = 15_000;
/** How often a page polls for a call or an attempt that waits. */
const WAITING_MS = 5_000;
/** A call that is due within this time is polled like a live one. */
const SOON_MS = 10_000;
/** How long after the end of a call the page polls often for its recording. */
const AWAITED_FOR_MS = 180_000;

export function callView(main, { id, head }) {
  const path = `/calls/${segment(id)}`;
  const status = badge("initiated");
  const duration = h("span", { class: "talked" });
  const result = h("span", { class: "result" });
  const number = h("span", { class: "to" });
  const reveal = h("button", { class: "button quiet", type: "button", "aria-pressed": "false" }, "Show number");
  const actions = callActions(
    () => call,
    () => poller.now(),
  );
  const title = h("div", { class: "subtitle" }, status, result, duration, reveal);
  const heading = head("Call", actions.elements);
  const place = h("div", { class: "state" }, loading("the call"));
  const line = timeline();
  const notice = h("div");
  const story = attemptsView();
  const script = h("blockquote", { class: "spoken" });
  const text = h("section", { class: "card" }, h("h2", {}, "Script"), script);
  const steps = stepsView();
  const details = h("div");
  const audio = h("div", { class: "recordings" });
  const body = h(
    "div",
    { class: "call", hidden: true },
    title,
    notice,
    story.element,
    h("section", { class: "card" }, h("h2", {}, "Timeline"), line.element),
    steps.answers,
    audio,
    text,
    steps.steps,
    steps.message,
    h("section", { class: "card" }, h("h2", {}, "Details"), details),
  );
  main.append(h("a", { class: "up", href: "#/calls" }, icon("back"), "Calls"), heading, place, body);

  let call = null;
  let attempts = [];
  let attemptsAt = 0;
  let recordings = [];
  let wasRecorded = false;
  let isShown = false;
  const players = new Map();
  const stamp = { notices: "", facts: "" };

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
    }
    setText(script, isErased(call) ? "erased" : spoken(call));
    steps.update(call);
    text.hidden = !steps.steps.hidden;
    setBadge(status, call.status);
    setText(result, resultNote(call));
    showTime();
    if (actions.update(call, attempts.at(-1))) heading.querySelector("h1").focus();
    const notices = [waiting(call), undelivered(call), fault(call)].filter(Boolean);
    const words = notices.map((one) => one.textContent).join();
    if (words !== stamp.notices) {
      stamp.notices = words;
      notice.replaceChildren(...notices);
    }
    story.update(call, attempts);
    const { events, updated_at, ...still } = call;
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
      const player = recordingView(recording, {
        running: isRunning(call, recording),
        transcribed: call.transcribe,
        deleted: () => poller.now(),
      });
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

  const pause = () => {
    const isDue = call.status === "scheduled" && Date.parse(call.due_at) - now() < SOON_MS;
    if (LIVE.has(call.status) || isDue) return LIVE_MS;
    if (awaitsRecording()) return AWAITED_MS;
    // The next attempt may follow, wait or go on.
    return call.status === "scheduled" || (call.retry && !call.reached && attempts.length < call.retry.max_attempts) ? WAITING_MS : CALM_MS;
  };
  const poller = new Poller({
    load: async (signal) => {
      const latest = await get(path, signal);
      if (latest.recording_enabled && (latest.status === "completed" || took(latest, "in-progress"))) {
        ({ recordings } = await get(`${path}/recordings`, signal));
        wasRecorded ||= recordings.some((one) => one.status === "completed");
      }
      if (latest.retry && (latest.updated_at !== call?.updated_at || now() - attemptsAt >= WAITING_MS)) {
        attempts = await attemptsOf(latest, signal);
        attemptsAt = now();
      }
      const news = (latest.answers?.length ?? 0) - (call?.answers?.length ?? 0);
      if (call && news > 0) say(`Pressed ${latest.answers.at(-1).digits}`);
      if (call && call.status !== latest.status) say(`The call is ${statusWord(latest.status).toLowerCase()}`);
      call = latest;
      show();
    },
    every: () => (call ? pause() : CALM_MS),
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
