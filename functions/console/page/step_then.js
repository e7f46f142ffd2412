// The fields for what follows a key, or silence: an outcome, words, and the next step.

import { addGiven, choice, text } from "./controls.js";
import { h } from "./dom.js";
import { field } from "./forms.js";
import { wordsFields } from "./step_words.js";

/**
 * Creates the fields. `targets(list)` offers the steps that may follow: pairs of a step and its title. `read(idOf)` returns
 * the continuation for a body. Only what follows a key may block the number.
 */
export function thenFields(what, { ofKey = false } = {}) {
  const outcome = field({
    name: "",
    label: "Outcome",
    control: text({ placeholder: "confirmed", autocapitalize: "none" }),
    optional: true,
  });
  const next = choice([["", "the next step"], ["end", "the end of the call"]]);
  const goto_ = field({ name: "", label: "Continue with", control: next });
  const words = wordsFields(`Say after ${what}`, { optional: true, audio: true });
  const block = field({ name: "", label: "Never call again, and end the call", control: h("input", { type: "checkbox" }) });
  let steps = new Map();
  return {
    element: h("div", { class: "then" }, h("div", { class: "pair" }, outcome.element, goto_.element), words.element, ofKey && block.element),
    outcome: outcome.control,
    targets(list) {
      const chosen = next.selectedOptions[0]?.target;
      steps = new Map(list.map(([step, title], at) => [String(at), { step, title }]));
      next.replaceChildren(
        h("option", { value: "" }, "the next step"),
        ...[...steps].map(([value, { step, title }]) =>
          Object.assign(h("option", { value, selected: step === chosen }, title), { target: step }),
        ),
        h("option", { value: "end", selected: chosen === "end" }, "the end of the call"),
      );
      next.lastElementChild.target = "end";
    },
    named: (path) => [[`${path}.outcome`, outcome], [`${path}.goto`, goto_], ...words.named(`${path}.say`), [`${path}.block`, ofKey ? block : outcome], [path, outcome]],
    /** The step that follows, or undefined. */
    target: () => steps.get(next.value)?.step,
    read(idOf) {
      const target = steps.get(next.value)?.step;
      return addGiven({}, {
        outcome: outcome.control.value.trim(),
        goto: target ? idOf(target) : next.value,
        say: words.read(),
        block: block.control.checked || null,
      });
    },
  };
}
