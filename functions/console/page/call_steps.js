// The steps of a call and the answers to its questions.

import { maskedNumber } from "./badge.js";
import { h } from "./dom.js";
import { inWords, isErased, plural, statusWord, when, wholeTime } from "./format.js";
import { refusalWord } from "./reasons.js";
import { resultWord } from "./results.js";

const LANGUAGES = new Intl.DisplayNames("en", { type: "language", fallback: "none" });

/** What a transfer without a connection came to, or does now. */
const LEGS = {
  dialing: "The other phone is called",
  answered: "The other party hears the question whether to take the call",
  accepted: "The other party took the call",
  completed: "Answered, but not taken",
};

function languageName(tag) {
  try {
    return LANGUAGES.of(tag) ?? tag;
  } catch {
    return tag;
  }
}

/** The words of a part, without its language. */
function partText(part) {
  return part.text ?? part.ssml ?? part.spell;
}

/** The words of a prompt on one line. */
function promptText(prompt) {
  return prompt.map(partText).join(" ");
}

function promptView(prompt) {
  return h(
    "blockquote",
    { class: "spoken" },
    prompt.map((part) => {
      const notes = [part.spell && "letter by letter", part.ssml && "SSML", part.language && languageName(part.language), part.voice, part.repeat > 1 && `${part.repeat} times`];
      const words = notes.filter(Boolean).join(", ");
      return h("p", { lang: part.language }, partText(part), words && h("span", { class: "hint", lang: "en" }, ` (${words})`));
    }),
  );
}

/** Says what follows a key or silence: `confirmed; says “Thank you.”; then step 3`. */
function thenWords(then, places) {
  const target = then.goto === "end" ? "the call ends" : then.goto && `then step ${places.get(then.goto) ?? then.goto}`;
  const parts = [then.outcome && resultWord(then.outcome), then.say && `says “${promptText(then.say)}”`, target];
  return parts.filter(Boolean).join("; ") || "the next step";
}

function askView(step, places) {
  const options = Object.entries(step.options ?? {}).map(([key, then]) => h("li", {}, h("kbd", {}, key), " ", thenWords(then, places)));
  const digits = step.max_digits && h("li", {}, `Up to ${plural(step.max_digits, "digit")}`);
  const silence = step.no_input && Object.keys(step.no_input).length > 0 && h("li", {}, h("span", { class: "hint" }, "No answer: "), thenWords(step.no_input, places));
  const times = `${plural(step.tries, "try", "tries")}, ${step.timeout_seconds} s each`;
  return [promptView(step.ask), h("ul", { class: "keys" }, options, digits, silence), h("p", { class: "hint" }, times)];
}

/** Says what became of the leg of a transfer. */
function legWords(leg) {
  if (leg.status === "refused") return `Refused: ${refusalWord(leg.reason).toLowerCase()}`;
  if (leg.connected) return leg.duration_seconds === null ? "Connected" : `Connected, ${inWords(leg.duration_seconds)} on the phone`;
  return LEGS[leg.status] ?? statusWord(leg.status);
}

function transferView(step, places, legs) {
  const { to, whisper, failed } = step.transfer;
  const leg = legs.find((one) => one.step === step.id);
  return [
    h("h3", {}, "Transfer to ", maskedNumber(to)),
    whisper && promptView(whisper),
    leg && h("p", { class: "leg" }, legWords(leg), h("span", { class: "hint" }, " ", h("time", { datetime: leg.at, title: wholeTime(leg.at) }, when(leg.at)))),
    failed && Object.keys(failed).length > 0 && h("p", {}, h("span", { class: "hint" }, "No connection: "), thenWords(failed, places)),
  ];
}

function stepView(step, places, legs) {
  if (step.transfer) return transferView(step, places, legs);
  if (step.ask) return [h("h3", {}, "Ask ", h("code", {}, step.id)), askView(step, places)];
  if (step.say) return [h("h3", {}, "Say"), promptView(step.say)];
  return h("h3", {}, step.hang_up ? "Hang up" : "Other");
}

/** The answer in words: what the key stands for, or why it counts for nothing. */
function answerWords(answer, step) {
  if (!step) return "";
  const then = step.options?.[answer.option];
  if (then) return then.outcome ? resultWord(then.outcome) : "";
  return step.max_digits ? "" : "not one of the keys";
}

function answerView(answer, step) {
  const words = answerWords(answer, step);
  return h(
    "li",
    {},
    h("p", { class: "question" }, step?.ask ? promptText(step.ask) : answer.step),
    h("p", { class: "given" }, h("kbd", {}, answer.digits || "–"), words && h("b", {}, words)),
    h("p", { class: "hint" }, `Try ${answer.try}, `, h("time", { datetime: answer.at, title: wholeTime(answer.at) }, when(answer.at))),
  );
}

/** Creates the cards. `update(call)` shows those that the call has a content for. A batch has no answers. */
export function stepsView() {
  const given = h("ol", { class: "answers" });
  const none = h("p", { class: "hint" });
  const answers = h("section", { class: "card", hidden: true }, h("h2", {}, "Answers"), given, none);
  const list = h("ol", { class: "flow" });
  const steps = h("section", { class: "card", hidden: true }, h("h2", {}, "Steps"), list);
  const words = h("div");
  const message = h("section", { class: "card", hidden: true }, h("h2", {}, "Message for an answering machine"), words);
  let known = "";
  return {
    answers,
    steps,
    message,
    update(call) {
      const isShown = Boolean(call.steps?.length) && !isErased(call);
      const left = isErased(call) ? null : call.voicemail?.message;
      message.hidden = !left;
      if (left) words.replaceChildren(promptView(left));
      // The steps of a sensitive call are erased before its answers.
      const isAnswered = Boolean(call.answers?.length) && !isErased(call);
      answers.hidden = !isShown && !isAnswered;
      steps.hidden = !isShown;
      const latest = JSON.stringify([call.steps, call.answers, call.result, call.transfers]);
      if (answers.hidden || latest === known) return;
      known = latest;
      const all = call.steps ?? [];
      const places = new Map(all.map((step, at) => [step.id, at + 1]));
      list.replaceChildren(...all.map((step) => h("li", {}, stepView(step, places, call.transfers ?? []))));
      const byId = new Map(all.map((step) => [step.id, step]));
      given.replaceChildren(...(call.answers ?? []).map((answer) => answerView(answer, byId.get(answer.step))));
      given.hidden = !call.answers?.length;
      none.hidden = !given.hidden;
      none.textContent = call.result ? "No key was pressed." : "No key was pressed yet.";
    },
  };
}
