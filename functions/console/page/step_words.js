// The fields for what a step says: a list of parts, each with its own language and repetitions.

import { area, choice, section, text } from "./controls.js";
import { h, icon, say } from "./dom.js";
import { field } from "./forms.js";

const MOST_PARTS = 8;

/** The fields of one part. Only with `audio` it may have a recording that is played instead of the words. */
function partFields(label, audio, remove) {
  const words = field({ name: "", label, control: area(2) });
  const kind = field({
    name: "",
    label: "Speak it",
    control: choice([
      ["text", "as a text"],
      ["spell", "letter by letter"],
      ["ssml", "with SSML"],
    ]),
  });
  const language = field({ name: "", label: "Language", control: text({ placeholder: "the call's" }), optional: true });
  const voice = field({ name: "", label: "Voice", control: text({ placeholder: "the call's" }), optional: true });
  const repeat = field({
    name: "",
    label: "Times",
    control: choice([
      ["1", "once"],
      ["2", "twice"],
      ["3", "three times"],
    ]),
  });
  const url = field({
    name: "",
    label: "Audio instead of the words",
    control: text({ type: "url", inputmode: "url", placeholder: "address of a WAV or MP3 file" }),
    hint: "The words are spoken if it can't be played.",
    optional: true,
  });
  const triple = h("div", { class: "triple" }, language.element, voice.element, kind.element, repeat.element);
  const more = section(audio ? "Language, voice, spelling, repetition, audio" : "Language, voice, spelling, repetition", triple, audio && url.element);
  const drop = h("button", { class: "button quiet icon-only", type: "button", "aria-label": `Remove: ${label}`, title: "Remove" }, icon("close"));
  drop.addEventListener("click", remove);
  return {
    element: h("div", { class: "part" }, h("div", { class: "part-words" }, words.element, drop), more),
    drop,
    more,
    words,
    named: (path) => [
      [`${path}.language`, language],
      [`${path}.voice`, voice],
      [`${path}.repeat`, repeat],
      [`${path}.audio_url`, audio ? url : words],
      [`${path}.text`, words],
      [`${path}.ssml`, words],
      [`${path}.spell`, words],
      [path, words],
    ],
    isPlain: () => kind.control.value === "text" && !language.control.value.trim() && !voice.control.value.trim() && repeat.control.value === "1" && !url.control.value.trim(),
    read() {
      const value = words.control.value;
      const part = { [kind.control.value]: kind.control.value === "spell" ? value.replaceAll(/\s/g, "") : value };
      if (language.control.value.trim()) part.language = language.control.value.trim();
      if (voice.control.value.trim()) part.voice = voice.control.value.trim();
      if (url.control.value.trim()) part.audio_url = url.control.value.trim();
      if (repeat.control.value !== "1") part.repeat = Number(repeat.control.value);
      return part;
    },
    isEmpty: () => words.control.value.trim() === "",
    focus: () => words.control.focus(),
  };
}

/**
 * Creates the fields for what is said. `read()` returns it for a body, `named(path)` the fields by the path of their errors.
 * With `optional`, no words are no value. With `audio`, the parts may have audio.
 */
export function wordsFields(label, { optional = false, audio = false } = {}) {
  const list = h("div", { class: "parts-list" });
  const add = h("button", { class: "button quiet", type: "button" }, icon("plus"), "Add words in another language");
  const element = h("div", { class: "words-fields" }, list, add);
  const parts = [];
  const update = () => {
    for (const part of parts) part.drop.hidden = parts.length === 1;
    add.hidden = parts.length >= MOST_PARTS;
  };
  const append = () => {
    const part = partFields(parts.length === 0 ? label : `${label}, then`, audio, () => {
      const at = parts.indexOf(part);
      parts.splice(at, 1);
      part.element.remove();
      update();
      say("Removed");
      parts[Math.min(at, parts.length - 1)].focus();
    });
    parts.push(part);
    list.append(part.element);
    update();
    return part;
  };
  append();
  add.addEventListener("click", () => {
    const part = append();
    part.more.open = true;
    part.focus();
  });
  return {
    element,
    focus: () => parts[0].focus(),
    isEmpty: () => parts.every((part) => part.isEmpty()),
    first: () => parts[0].words,
    named: (path) => {
      if (parts.length === 1) return parts[0].named(path);
      return [...parts.flatMap((part, at) => part.named(`${path}[${at}]`)), [path, parts[0].words]];
    },
    read() {
      if (optional && this.isEmpty()) return undefined;
      if (parts.length === 1) return parts[0].isPlain() ? parts[0].read().text : parts[0].read();
      return parts.map((part) => (part.isPlain() ? part.read().text : part.read()));
    },
  };
}
