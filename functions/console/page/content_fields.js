// The fields for what a call says: a script, or steps.

import { area, choice } from "./controls.js";
import { field } from "./forms.js";
import { stepsFields } from "./steps_fields.js";

/**
 * Creates the fields. `label` names the kind of call, and `hint` and `placeholder` describe the script. `read()` returns `script` or
 * `steps` for a body, also an empty one, so that the API says what is missing.
 */
export function contentFields({ label, hint, placeholder }) {
  const script = field({ name: "script", label: "Script", control: area(4, placeholder && { placeholder }), hint });
  const steps = stepsFields();
  const kind = field({
    name: "kind",
    label,
    control: choice([
      ["script", "speaks a text"],
      ["steps", "asks questions"],
    ]),
  });
  const hasSteps = () => kind.control.value === "steps";
  const show = () => {
    script.element.hidden = hasSteps();
    steps.element.hidden = !hasSteps();
  };
  kind.control.addEventListener("change", show);
  show();
  return {
    fields: [kind, script, steps],
    elements: [kind.element, script.element, steps.element],
    script: script.control,
    read: () => (hasSteps() ? { steps: steps.read() } : { script: script.control.value }),
  };
}
