// The transcript of a recording: who said what, and when. A click on a sentence plays from there.

import { get, segment } from "./api.js";
import { h, setAttribute } from "./dom.js";
import { length, plural } from "./format.js";

/** How often the page polls for a transcript that Twilio makes: soon after the recording, and later. */
const SOON_MS = 3_000;
const LATER_MS = 15_000;
const SOON_POLLS = 20;

const SPEAKERS = { outdial: "Our words", callee: "Callee", unknown: "Unknown" };
const REASONS = {
  refused: "Twilio did not accept the recording.",
  no_service: "There is no transcription service for this language.",
  not_found: "Twilio no longer has the transcript.",
  timeout: "Twilio did not make it within a day.",
};

/** Creates the view of a transcript. `play(seconds)` plays the recording from there. It polls until `signal` aborts. */
export function transcriptView(recording, { play, signal }) {
  const state = h("p", { class: "quiet", role: "status" });
  const list = h("ol", { class: "sentences" });
  const element = h("section", { class: "transcript", "aria-label": "Transcript", hidden: true }, h("h4", {}, "Transcript"), state, list);
  let sentences = [];

  const sentenceItem = (sentence) => {
    const seconds = (sentence.start_ms ?? 0) / 1_000;
    const isTimed = sentence.start_ms !== null;
    const words = [
      h("span", { class: "position" }, isTimed ? length(seconds) : ""),
      h("span", { class: "speaker" }, SPEAKERS[sentence.speaker] ?? sentence.speaker),
      h("span", { class: "words" }, sentence.text),
    ];
    // Without a time, there is nothing to play.
    const line = isTimed
      ? h("button", { class: "sentence", type: "button", title: "Play from here", onclick: () => play(seconds) }, words)
      : h("div", { class: "sentence" }, words);
    return h("li", { "data-speaker": sentence.speaker }, line);
  };
  const show = (transcript) => {
    element.hidden = false;
    sentences = transcript.sentences;
    list.replaceChildren(...sentences.map(sentenceItem));
    if (transcript.status === "pending") state.textContent = "Twilio is making the transcript.";
    else if (transcript.status === "failed") {
      state.textContent = `There is no transcript. ${REASONS[transcript.reason] ?? "Twilio could not make it."}`;
    } else if (sentences.length === 0) state.textContent = "Nobody said anything that Twilio understood.";
    else if (transcript.truncated) state.textContent = `The first ${plural(sentences.length, "sentence")}. The rest is at Twilio only.`;
    state.hidden = transcript.status === "completed" && sentences.length > 0 && !transcript.truncated;
  };
  const poll = async (polls) => {
    try {
      const transcript = await get(`/recordings/${segment(recording.id)}/transcript`, signal);
      if (signal.aborted) return;
      show(transcript);
      if (transcript.status !== "pending") return;
    } catch (problem) {
      // A recording that was deleted meanwhile, or whose call has no transcript.
      if (signal.aborted || problem.status === 404 || problem.status === 401 || problem.status === 403) return;
    }
    setTimeout(() => signal.aborted || poll(polls + 1), polls < SOON_POLLS ? SOON_MS : LATER_MS);
  };
  poll(0);
  return {
    element,
    /** Marks the sentence at this time of the recording. */
    follow(seconds) {
      const at = sentences.findLastIndex((one) => one.start_ms !== null && one.start_ms <= seconds * 1_000 + 50);
      [...list.children].forEach((item, index) => setAttribute(item, "aria-current", index === at && seconds > 0 ? "true" : null));
    },
  };
}
