// A recording: its player and its waveform.

import { get, remove, segment } from "./api.js";
import { h, icon, setText, toast } from "./dom.js";
import { confirmDialog } from "./forms.js";
import { LIVE, isErased, length, plural, took, when, wholeTime } from "./format.js";
import { failure } from "./states.js";
import { transcriptView } from "./transcript.js";

const HEIGHT = 64;
const BAR = 3;
const STEP_SECONDS = 5;
/** The sample rate of telephone audio. A higher rate would only use more memory. */
const RATE = 8_000;
/** The largest file to draw, in bytes, which is enough for the longest call. */
const DRAWN_MAX_BYTES = 64 * 1024 * 1024;

const STATES = {
  processing: "Twilio is preparing the audio.",
  absent: "There is no audio.",
  failed: "Twilio could not record this call.",
  deleted: "This recording was deleted.",
};
const ABSENT = { 16101: "The call was too short to be recorded.", 16102: "The recording is silent." };

/** True if the call is live and being recorded. */
export function isRunning(call, recording) {
  return LIVE.has(call.status) && recording.recording_status === "in-progress";
}

/** Describes the state of a call's recording. `isAwaited` is true if one may still arrive. */
export function recordingWords(call, recordings, isAwaited) {
  if (!call.recording_enabled) return "not requested";
  if (isErased(call)) return "erased";
  const has = (status) => recordings.some((one) => one.status === status);
  if (has("completed")) return "available";
  if (recordings.some((one) => isRunning(call, one))) return "in progress";
  if (has("processing")) return "being prepared";
  if (LIVE.has(call.status)) return "requested";
  if (has("failed")) return "failed";
  if (has("absent")) return "no audio";
  if (call.status !== "completed" && !took(call, "in-progress")) return "none, the call was not answered";
  return isAwaited ? "not available yet" : "none";
}

/** Returns the peak of each part of the audio, from 0 to 1. */
async function peaksOf(url, signal) {
  const response = await fetch(url, { signal, credentials: "omit", referrerPolicy: "no-referrer" });
  if (!response.ok || Number(response.headers.get("Content-Length")) > DRAWN_MAX_BYTES) return null;
  const audio = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(await response.arrayBuffer());
  const samples = audio.getChannelData(0);
  const parts = 480;
  const size = Math.max(1, Math.floor(samples.length / parts));
  const peaks = [];
  for (let from = 0; from + size <= samples.length; from += size) {
    let peak = 0;
    for (let at = from; at < from + size; at += 1) peak = Math.max(peak, Math.abs(samples[at]));
    peaks.push(peak);
  }
  const loudest = Math.max(...peaks, 0.05);
  return { peaks: peaks.map((peak) => peak / loudest), seconds: audio.duration };
}

/** Creates the view of a recording. `running` is true during the recording, and `transcribed` if it has a transcript; `deleted()` is called after a deletion. */
export function recordingView(recording, { running, transcribed, deleted }) {
  const heading = h("h3", {}, "Recording", h("span", { class: "quiet" }, when(recording.started_at ?? recording.created_at)));
  heading.lastElementChild.title = wholeTime(recording.started_at ?? recording.created_at);
  const element = h("section", { class: "recording", "aria-label": "Recording" }, heading);
  if (recording.status !== "completed") {
    const why = running
      ? "The call is still being recorded."
      : (ABSENT[recording.error_code] ?? STATES[recording.status] ?? recording.recording_status);
    element.append(h("p", { class: "quiet", role: "status" }, why));
    return { element, stop() {} };
  }
  const path = `/recordings/${segment(recording.id)}`;
  const audio = h("audio", { preload: "metadata" });
  const play = h("button", { class: "button round", type: "button", "aria-label": "Play" }, icon("play"));
  const canvas = h("canvas", { height: HEIGHT });
  const slider = h(
    "div",
    { class: "wave", role: "slider", tabindex: "0", "aria-label": "Position in the recording", "aria-valuemin": "0" },
    canvas,
  );
  const place = h("span", { class: "position" });
  const erase = h("button", { class: "button quiet", type: "button", "data-needs": "calls:write" }, "Delete");
  const trouble = h("div");
  element.append(h("div", { class: "player" }, play, slider, place), audio, trouble);
  heading.append(erase);

  const controller = new AbortController();
  let peaks = null;
  let expires = 0;
  let whole = recording.duration_seconds ?? 0;
  let transcript = null;

  const paint = () => {
    const ratio = devicePixelRatio || 1;
    const width = slider.clientWidth;
    if (width === 0) return;
    if (canvas.width !== Math.round(width * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(HEIGHT * ratio);
    }
    const pen = canvas.getContext("2d");
    const style = getComputedStyle(slider);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, HEIGHT);
    const bars = Math.floor(width / (BAR + 1));
    const played = whole > 0 ? audio.currentTime / whole : 0;
    for (let bar = 0; bar < bars; bar += 1) {
      const from = Math.floor((bar / bars) * (peaks?.length ?? 0));
      const to = Math.max(from + 1, Math.floor(((bar + 1) / bars) * (peaks?.length ?? 0)));
      const peak = peaks ? Math.max(...peaks.slice(from, to)) : 0;
      const tall = Math.max(2, peak * (HEIGHT - 8));
      pen.fillStyle = bar / bars < played ? style.color : style.caretColor;
      pen.beginPath();
      pen.roundRect(bar * (BAR + 1), (HEIGHT - tall) / 2, BAR, tall, BAR / 2);
      pen.fill();
    }
  };
  const update = () => {
    setText(place, `${length(audio.currentTime)} / ${length(whole)}`);
    slider.setAttribute("aria-valuemax", Math.round(whole));
    slider.setAttribute("aria-valuenow", Math.round(audio.currentTime));
    slider.setAttribute("aria-valuetext", `${length(audio.currentTime)} of ${length(whole)}`);
    transcript?.follow(audio.currentTime);
    paint();
  };
  const seek = (seconds) => {
    audio.currentTime = Math.min(Math.max(0, seconds), whole);
    update();
  };

  /** Requests a new media URL, because a URL is valid for five minutes. */
  const load = async () => {
    const { url, expires_at } = await get(`${path}/media`);
    expires = Date.parse(expires_at);
    const at = audio.currentTime;
    audio.src = url;
    if (at > 0) audio.currentTime = at;
    return url;
  };
  const refuse = (problem) => {
    if (!controller.signal.aborted) trouble.replaceChildren(failure(problem));
  };
  const toggle = async () => {
    if (!audio.paused) {
      audio.pause();
      return;
    }
    try {
      if (Date.now() > expires - 10_000) await load();
      if (audio.ended) audio.currentTime = 0;
      trouble.replaceChildren();
      await audio.play();
    } catch (problem) {
      if (problem.name !== "AbortError") refuse(problem);
    }
  };

  if (transcribed) {
    const playFrom = (seconds) => {
      seek(seconds);
      if (audio.paused) toggle();
    };
    transcript = transcriptView(recording, { play: playFrom, signal: controller.signal });
    element.append(transcript.element);
  }

  play.addEventListener("click", toggle);
  const showState = () => {
    play.replaceChildren(icon(audio.paused ? "play" : "pause"));
    play.setAttribute("aria-label", audio.paused ? "Play" : "Pause");
    update();
  };
  for (const name of ["play", "pause", "ended"]) audio.addEventListener(name, showState);
  audio.addEventListener("loadedmetadata", () => {
    if (Number.isFinite(audio.duration)) whole = audio.duration;
    update();
  });
  audio.addEventListener("seeked", update);
  // Smoother than `timeupdate`, which fires four times a second.
  const follow = () => {
    if (controller.signal.aborted) return;
    if (!audio.paused) update();
    requestAnimationFrame(follow);
  };
  audio.addEventListener("play", follow, { once: true });
  audio.addEventListener("error", () => {
    if (!audio.error) return;
    if (Date.now() > expires - 10_000) load().catch(refuse);
    else refuse(new Error("The audio cannot be played."));
  });

  slider.addEventListener("keydown", (event) => {
    const moves = {
      ArrowRight: audio.currentTime + STEP_SECONDS,
      ArrowUp: audio.currentTime + STEP_SECONDS,
      ArrowLeft: audio.currentTime - STEP_SECONDS,
      ArrowDown: audio.currentTime - STEP_SECONDS,
      PageUp: audio.currentTime + whole / 10,
      PageDown: audio.currentTime - whole / 10,
      Home: 0,
      End: whole,
    };
    if (event.key === " " || event.key === "Enter") toggle();
    else if (event.key in moves) seek(moves[event.key]);
    else return;
    event.preventDefault();
  });
  const seekTo = (event) => seek(((event.clientX - slider.getBoundingClientRect().left) / slider.clientWidth) * whole);
  slider.addEventListener("pointerdown", (event) => {
    slider.setPointerCapture(event.pointerId);
    seekTo(event);
  });
  slider.addEventListener("pointermove", (event) => {
    if (slider.hasPointerCapture(event.pointerId)) seekTo(event);
  });
  erase.addEventListener("click", () =>
    confirmDialog({
      title: "Delete this recording?",
      body: "It is deleted here and at Twilio. This cannot be undone.",
      action: "Delete recording",
      act: async () => {
        await remove(path);
        toast("The recording was deleted");
        deleted();
      },
    }),
  );

  const resized = new ResizeObserver(paint);
  resized.observe(slider);
  const themed = matchMedia("(prefers-color-scheme: dark)");
  themed.addEventListener("change", paint, { signal: controller.signal });
  addEventListener("outdial-theme", paint, { signal: controller.signal });
  update();
  load()
    .then((url) => peaksOf(url, controller.signal))
    .then((drawn) => {
      if (!drawn) return;
      peaks = drawn.peaks;
      whole = drawn.seconds;
      slider.dataset.drawn = plural(peaks.length, "part");
      update();
    })
    .catch((problem) => {
      // Without the waveform, the audio still plays.
      if (problem.status !== undefined) refuse(problem);
    });
  return {
    element,
    stop() {
      controller.abort();
      resized.disconnect();
      audio.pause();
      audio.removeAttribute("src");
    },
  };
}
