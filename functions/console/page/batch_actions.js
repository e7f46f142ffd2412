// The buttons that start, pause, resume and cancel a batch, and add recipients.

import { Problem, post, segment } from "./api.js";
import { h, toast } from "./dom.js";
import { confirmDialog, summary } from "./forms.js";
import { plural } from "./format.js";
import { addRecipients } from "./recipients_form.js";

const OPEN = ["draft", "running", "paused"];

/**
 * Creates the buttons. `batch()` returns the batch as it is now, and `changed()` is called after each change. `faults` is the place
 * of the API's errors. `update(batch)` shows the buttons that fit the batch.
 */
export function batchActions(batch, changed) {
  const faults = summary();
  const path = (verb) => `/batches/${segment(batch().batch_id)}/${verb}`;
  const act = async (verb, words) => {
    await post(path(verb), undefined);
    toast(words);
    changed();
  };
  const button = (text, kind, onclick) =>
    h("button", { class: `button ${kind}`, type: "button", hidden: true, "data-needs": "calls:write", onclick }, text);
  /** Acts without a confirmation. */
  const at = (verb, words) => async (event) => {
    const { currentTarget } = event;
    currentTarget.disabled = true;
    faults.clear();
    try {
      await act(verb, words);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      faults.show(problem);
    } finally {
      currentTarget.disabled = false;
    }
  };
  const start = button("Start", "primary", () =>
    confirmDialog({
      title: `Start ${batch().name}?`,
      body: `${plural(batch().progress.recipients, "recipient")} will be called.`,
      action: "Start batch",
      kind: "primary",
      act: () => act("start", "Started"),
    }),
  );
  const cancel = button("Cancel batch", "danger", () =>
    confirmDialog({
      title: `Cancel ${batch().name}?`,
      body: "Recipients that still wait are not called. Calls in progress continue. This cannot be undone.",
      action: "Cancel batch",
      dismiss: "Keep",
      act: () => act("cancel", "Canceling"),
    }),
  );
  const pause = button("Pause", "", at("pause", "Paused"));
  const resume = button("Resume", "primary", at("resume", "Resumed"));
  const add = button("Add recipients", "", () => addRecipients(batch(), changed));
  const shown = new Map([
    [cancel, OPEN],
    [add, OPEN],
    [pause, ["running"]],
    [resume, ["paused"]],
    [start, ["draft"]],
  ]);
  return {
    elements: [...shown.keys()],
    faults,
    /** Returns true if the focused button is gone. */
    update({ status }) {
      const focused = document.activeElement;
      for (const [element, statuses] of shown) element.hidden = !statuses.includes(status);
      return shown.has(focused) && focused.hidden;
    },
  };
}
