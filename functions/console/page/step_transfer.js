// The fields of a transfer: the number, the words for the other party, and what follows without a connection.

import { section, text } from "./controls.js";
import { h } from "./dom.js";
import { field } from "./forms.js";
import { thenFields } from "./step_then.js";
import { wordsFields } from "./step_words.js";

export function transferFields(id) {
  const number = field({
    name: "",
    label: "Number to connect with",
    control: text({ type: "tel", placeholder: "+12125550199" }),
    hint: "The other party hears who calls, and presses 1 to take the call.",
  });
  const whisper = wordsFields("Say to the other party", { optional: true });
  const minutes = field({
    name: "",
    label: "Longest connection, in minutes",
    control: text({ type: "number", min: 1, max: 60, value: 30, inputmode: "numeric" }),
  });
  const failed = thenFields("a failed transfer");
  const more = section(
    "Words for the other party, longest connection, no connection",
    whisper.element,
    h("p", { class: "hint" }, "These words must ask to press 1. Without them, the other party hears an English sentence that does."),
    minutes.element,
    h("fieldset", { class: "option" }, h("legend", {}, "Without a connection"), failed.element),
  );
  return {
    element: h("div", { class: "group" }, number.element, more),
    focus: () => number.control.focus(),
    id: () => id,
    targets: failed.targets,
    chosen: () => [failed.target()],
    named: (path) => [
      [`${path}.transfer.max_seconds`, minutes],
      ...whisper.named(`${path}.transfer.whisper`),
      ...failed.named(`${path}.transfer.failed`),
      [`${path}.transfer.to`, number],
      [`${path}.transfer`, number],
      [path, number],
    ],
    read(idOf) {
      const transfer = { to: number.control.value.trim(), max_seconds: Math.round(Number(minutes.control.value) * 60) };
      const words = whisper.read();
      if (words !== undefined) transfer.whisper = words;
      const then = failed.read(idOf);
      if (Object.keys(then).length > 0) transfer.failed = then;
      return { id, transfer };
    },
  };
}
