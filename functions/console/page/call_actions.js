// The buttons that change, cancel or hang up a call.

import { change, post, segment } from "./api.js";
import { area } from "./controls.js";
import { h, setText, toast } from "./dom.js";
import { confirmDialog, field, formDialog } from "./forms.js";
import { LIVE, masked, spoken } from "./format.js";
import { retryFields } from "./retry_fields.js";
import { expiryField, newTimeField, priorityField } from "./time_fields.js";

/** Opens the form that changes a scheduled call. `done` gets the changed call. */
function changeCall(call, done) {
  const time = newTimeField(call.scheduled_at);
  const expiry = expiryField("The call is not dialled at this time or later.", call.expires_at);
  const priority = priorityField(call.priority);
  const script = field({ name: "script", label: "Script", control: area(4) });
  script.control.value = spoken(call);
  // The form does not change steps.
  script.control.readOnly = call.script === null;
  const retry = retryFields(call.retry);
  formDialog({
    title: "Change the call",
    action: "Save",
    fields: [time, expiry, priority, script, ...retry.fields],
    body: [h("div", { class: "pair" }, time.element, expiry.element), priority.element, script.element, retry.element],
    send: () => {
      const body = {};
      if (time.isChanged()) body.scheduled_at = time.read();
      if (expiry.isChanged()) body.expires_at = expiry.read() || null;
      if (priority.isChanged()) body.priority = priority.read();
      if (call.script !== null && script.control.value !== call.script) body.script = script.control.value;
      if (retry.isChanged()) body.retry = retry.read();
      return change(`/calls/${segment(call.call_id)}`, body);
    },
    done: (changed) => {
      toast("Saved");
      done(changed);
    },
  });
}

/**
 * Creates the buttons. `call()` returns the call as it is now, and `changed()` is called after each change.
 * `update(call, last)` shows the buttons that fit the call and the last attempt.
 */
export function callActions(call, changed) {
  const path = () => `/calls/${segment(call().call_id)}`;
  const button = (text, kind) => h("button", { class: `button ${kind}`, type: "button", hidden: true, "data-needs": "calls:write" }, text);
  const hangUp = button("Hang up", "danger");
  const cancel = button("Cancel call", "danger");
  const edit = button("Change", "");
  hangUp.addEventListener("click", () =>
    confirmDialog({
      title: "Hang up this call?",
      body: `The call to ${masked(call().to_number)} ends immediately.${call().retry ? " No attempt follows." : ""}`,
      action: "Hang up",
      act: async () => {
        await post(`${path()}/hangup`, undefined);
        toast("Hanging up");
        changed();
      },
    }),
  );
  cancel.addEventListener("click", () =>
    confirmDialog({
      title: call().status === "scheduled" ? "Cancel this call?" : "Cancel the next attempt?",
      body: `${masked(call().to_number)} is not called${call().status === "scheduled" ? "" : " again"}. This cannot be undone.`,
      action: call().status === "scheduled" ? "Cancel call" : "Cancel attempt",
      dismiss: "Keep",
      act: async () => {
        await post(`${path()}/cancel`, undefined);
        toast("Canceled");
        changed();
      },
    }),
  );
  edit.addEventListener("click", () => changeCall(call(), changed));
  return {
    elements: [edit, cancel, hangUp],
    update(call, last) {
      const isWaiting = call.status === "scheduled";
      const wanted = new Map([
        [edit, isWaiting],
        [cancel, isWaiting || last?.status === "scheduled"],
        [hangUp, LIVE.has(call.status)],
      ]);
      setText(cancel, isWaiting ? "Cancel call" : "Cancel next attempt");
      hangUp.disabled = call.hangup_requested;
      setText(hangUp, call.hangup_requested ? "Hanging up" : "Hang up");
      const focused = document.activeElement;
      for (const [element, isWanted] of wanted) element.hidden = !isWanted;
      // True if the focused button is gone.
      return wanted.has(focused) && (focused.hidden || focused.disabled);
    },
  };
}
