// The fields for times, and for what depends on the time of a call.

import { choice } from "./controls.js";
import { h, setText } from "./dom.js";
import { field, fieldProblem } from "./forms.js";
import { ZONE, fromNow } from "./format.js";

/** The value of an input for a time in the browser's time zone. */
function localValue(time) {
  const date = new Date(time);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** A field for a time in the browser's time zone. `read()` returns it in RFC 3339 format, or "" if the field is empty. */
function timeField({ name, label, hint, optional, value }) {
  const control = h("input", { type: "datetime-local", value: value && localValue(value) });
  const time = field({ name, label, control, hint: " ", optional });
  const words = time.element.querySelector(".hint");
  const update = () => setText(words, control.value ? `In your time zone, ${ZONE}: ${fromNow(new Date(control.value))}.` : hint);
  control.addEventListener("input", update);
  update();
  const first = control.value;
  return {
    ...time,
    isChanged: () => control.value !== first,
    read() {
      if (control.validity.badInput) throw fieldProblem(name, "must have a date and a time");
      return control.value && new Date(control.value).toISOString();
    },
  };
}

/** The choice between now and a time. `verb` is what happens then. */
export function whenFields(verb) {
  const now = choice([
    ["", "Now"],
    ["at", "At a time"],
  ]);
  const kind = field({ name: "when", label: verb, control: now });
  const time = timeField({ name: "scheduled_at", label: "Time", hint: `In your time zone, ${ZONE}.` });
  const update = () => (time.element.hidden = now.value === "");
  now.addEventListener("change", update);
  update();
  return {
    ...time,
    element: h("div", { class: "pair" }, kind.element, time.element),
    read() {
      if (now.value === "") return "";
      const at = time.read();
      if (!at) throw fieldProblem(time.name, "must have a date and a time");
      return at;
    },
  };
}

/** The field for another time of a scheduled call. */
export function newTimeField(value) {
  return timeField({ name: "scheduled_at", label: "Time", hint: "As soon as possible.", value });
}

export function expiryField(hint, value) {
  return timeField({ name: "expires_at", label: "Expires", hint, optional: true, value });
}

export function priorityField(value = "normal") {
  const control = choice([
    ["urgent", "Urgent"],
    ["normal", "Normal"],
    ["bulk", "Bulk: after all others"],
  ]);
  control.value = value;
  return { ...field({ name: "priority", label: "Priority", control }), isChanged: () => control.value !== value, read: () => control.value };
}

export function hoursField() {
  const control = choice([
    ["", "Default"],
    ["wait", "Wait until they open"],
    ["refuse", "Refuse the call"],
  ]);
  const hours = field({
    name: "outside_calling_hours",
    label: "Outside calling hours",
    control,
    hint: "Default: a call at a time waits, a call now is refused.",
  });
  return { ...hours, read: () => control.value };
}
