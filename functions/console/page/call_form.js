// The form that places a call, now or at a time.

import { post, segment } from "./api.js";
import { contentFields } from "./content_fields.js";
import { addGiven, section, speechFields, text } from "./controls.js";
import { h, setText, toast } from "./dom.js";
import { field, formDialog, onceKey } from "./forms.js";
import { masked, when } from "./format.js";
import { personField } from "./person_field.js";
import { retryFields } from "./retry_fields.js";
import { expiryField, hoursField, priorityField, whenFields } from "./time_fields.js";
import { voicemailFields } from "./voicemail_fields.js";

/** Says what becomes of a placed call. */
function placed(call) {
  if (call.status === "scheduled" && call.scheduled_at) return `${masked(call.to_number)} is called at ${when(call.scheduled_at)}`;
  if (call.status === "scheduled") return `${masked(call.to_number)} is called as soon as possible`;
  if (call.dial_outcome === "unknown") return `Twilio's response was lost: ${masked(call.to_number)} may be called`;
  return `Calling ${masked(call.to_number)}`;
}

/** Opens the form that places a call, filled in for `user` if there is one. */
export function placeCall(user) {
  const number = field({
    name: "to_number",
    label: "Number",
    control: text({ type: "tel", placeholder: "+12125550123" }),
    hint: "With the country code, for example +12125550123.",
  });
  // A button offers the number, because filling the field could disturb typing.
  const offer = h("button", { class: "button offer", type: "button", hidden: true });
  const offerNumber = () => {
    const chosen = person.known();
    offer.hidden = !chosen || number.control.value !== "";
    if (chosen) setText(offer, `Use the number of ${chosen.name}`);
  };
  const person = personField(offerNumber);
  const content = contentFields({ label: "The call", hint: "The text to speak, up to 3,000 characters." });
  const speech = speechFields(voicemailFields());
  const time = whenFields("Call");
  const expiry = expiryField("The call is not dialled at this time or later. Default: a day after its first allowed minute.");
  const priority = priorityField();
  const hours = hoursField();
  const retry = retryFields();
  number.control.after(offer);
  offer.addEventListener("click", () => {
    number.control.value = person.known().phone_number;
    offer.hidden = true;
    content.script.focus();
  });
  number.control.addEventListener("input", offerNumber);

  const once = onceKey();
  formDialog({
    title: "New call",
    action: "Place call",
    fields: [person, number, ...content.fields, time, expiry, priority, hours, ...retry.fields, ...speech.fields],
    body: [
      person.element,
      number.element,
      ...content.elements,
      time.element,
      speech.recorded,
      section(
        "Expiry, priority, calling hours, retries",
        expiry.element,
        h("div", { class: "pair" }, priority.element, hours.element),
        retry.element,
      ),
      speech.more,
    ],
    send: async () => {
      const body = addGiven(speech.read(), {
        scheduled_at: time.read(),
        expires_at: expiry.read(),
        priority: priority.read(),
        outside_calling_hours: hours.read(),
        retry: retry.read(),
        user_id: await person.id(),
        to_number: number.control.value.trim(),
        ...content.read(),
      });
      return once((key) => post("/calls/outbound", body, key));
    },
    done: (call) => {
      toast(placed(call));
      location.hash = `#/calls/${segment(call.call_id)}`;
    },
  });
  if (user) {
    person.fill(user);
    number.control.value = user.phone_number;
    content.script.focus();
  }
}
