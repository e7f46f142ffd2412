// Controls of forms, and the fields that several forms share.

import { h } from "./dom.js";
import { field, groupField } from "./forms.js";

export function text(attributes) {
  return h("input", { type: "text", autocomplete: "off", spellcheck: "false", ...attributes });
}

export function choice(options) {
  return h("select", {}, options.map(([value, label]) => h("option", { value }, label)));
}

export function area(rows, attributes) {
  return h("textarea", { rows, ...attributes });
}

/** A section that can be folded. It opens if one of its fields has an error. */
export function section(title, ...content) {
  const element = h("details", { class: "more" }, h("summary", {}, title), content);
  new MutationObserver(() => {
    if (element.querySelector("[aria-invalid]")) element.open = true;
  }).observe(element, { attributes: true, subtree: true, attributeFilter: ["aria-invalid"] });
  return element;
}

/** Adds the values that are not empty to a body. */
export function addGiven(body, values) {
  for (const [name, value] of Object.entries(values)) if (value !== "" && value !== null && value !== undefined) body[name] = value;
  return body;
}

/**
 * The fields for how a script is spoken and recorded. `read()` returns what they say, for a body. `machine` is the field for
 * answering machines.
 */
export function speechFields(machine) {
  const recorded = field({ name: "recording_enabled", label: "Record the call", control: h("input", { type: "checkbox" }) });
  const transcribed = field({ name: "transcribe", label: "Transcribe the recording", control: h("input", { type: "checkbox" }) });
  const showTranscribed = () => {
    transcribed.element.hidden = !recorded.control.checked;
    if (!recorded.control.checked) transcribed.control.checked = false;
  };
  recorded.control.addEventListener("change", showTranscribed);
  showTranscribed();
  const sensitive = field({ name: "sensitive", label: "Erase the words after the call", control: h("input", { type: "checkbox" }) });
  const voice = field({ name: "voice", label: "Voice", control: text({ placeholder: "default" }), optional: true });
  const language = field({ name: "language", label: "Language", control: text({ placeholder: "default" }), optional: true });
  return {
    fields: [recorded, transcribed, sensitive, voice, language, machine],
    recorded: h("div", { class: "group" }, recorded.element, transcribed.element),
    more: section(
      "Voice, language, answering machines",
      h("div", { class: "pair" }, voice.element, language.element),
      machine.element,
      sensitive.element,
    ),
    read: () =>
      addGiven(
        { recording_enabled: recorded.control.checked },
        { transcribe: transcribed.control.checked || null, sensitive: sensitive.control.checked || null, voice: voice.control.value.trim(), language: language.control.value.trim(), ...machine.read() },
      ),
  };
}

/** A group of checkboxes with the interface of a field. `control` is the first of them. */
export function checks({ name, label, options, checked }) {
  const boxes = options.map(([value]) => h("input", { type: "checkbox", value, checked: checked.includes(value) }));
  const content = options.map(([, word], nth) => h("label", { class: "check" }, boxes[nth], word));
  return {
    ...groupField({ name, label, control: boxes[0], content: h("div", { class: "checks" }, content) }),
    values: () => boxes.filter((box) => box.checked).map((box) => box.value),
  };
}
