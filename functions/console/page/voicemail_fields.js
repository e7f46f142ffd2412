// The fields for what follows if an answering machine answers.

import { choice } from "./controls.js";
import { h } from "./dom.js";
import { field } from "./forms.js";
import { wordsFields } from "./step_words.js";

/**
 * Creates the fields: one field of a form that has `inner()`. `read()` returns the value of `voicemail` and of
 * `machine_detection` for a body.
 */
export function voicemailFields() {
  const machine = field({
    name: "voicemail",
    label: "If an answering machine answers",
    control: choice([
      ["", "speak as to a person"],
      ["leave_message", "leave a message after its beep"],
      ["hang_up", "hang up"],
      ["Enable", "speak, once it is known who answered"],
      ["DetectMessageEnd", "speak after its greeting; people wait too"],
    ]),
  });
  const message = wordsFields("Message for the machine");
  const hint = h("p", { class: "hint" }, "The machine may also record a part of what was said before. So the message must make sense alone.");
  const words = h("div", { class: "group" }, message.element, hint);
  const detects = () => ["Enable", "DetectMessageEnd"].includes(machine.control.value);
  const update = () => (words.hidden = machine.control.value !== "leave_message");
  machine.control.addEventListener("change", update);
  update();
  return {
    ...machine,
    element: h("div", { class: "group" }, machine.element, words),
    inner: () => [
      ...message.named("voicemail.message").map(([name, one]) => ({ name, show: one.show, control: one.control })),
      { ...machine, name: "machine_detection" },
    ],
    read() {
      const action = machine.control.value;
      if (!action) return {};
      if (detects()) return { machine_detection: action };
      return { voicemail: action === "leave_message" ? { action, message: message.read() } : { action } };
    },
  };
}
