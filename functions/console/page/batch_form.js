// The form that creates a batch.

import { post, segment } from "./api.js";
import { contentFields } from "./content_fields.js";
import { addGiven, section, speechFields, text } from "./controls.js";
import { h, toast } from "./dom.js";
import { field, fieldProblem, formDialog, onceKey } from "./forms.js";
import { personField } from "./person_field.js";
import { retryFields } from "./retry_fields.js";
import { expiryField, whenFields } from "./time_fields.js";
import { voicemailFields } from "./voicemail_fields.js";

export function createBatch() {
  const name = field({ name: "name", label: "Name", control: text({ placeholder: "December reminders" }) });
  const person = personField();
  const content = contentFields({
    label: "Each call",
    placeholder: "Hello {{ first_name }}! Your order is ready.",
    hint: "The text to speak, up to 3,000 characters. {{ first_name }} stands for the column first_name of the recipients' table, here and in the texts of steps.",
  });
  const time = whenFields("Dial");
  time.element.querySelector("option").textContent = "When started";
  const pace = field({
    name: "calls_per_second",
    label: "Calls a second, at most",
    control: text({ inputmode: "decimal", placeholder: "as fast as allowed" }),
    optional: true,
  });
  const expiry = expiryField("The calls are not dialled at this time or later. Default: after seven days.");
  const retry = retryFields();
  const speech = speechFields(voicemailFields());
  const perSecond = () => {
    const written = pace.control.value.trim();
    if (written && !Number.isFinite(Number(written))) throw fieldProblem(pace.name, "must be a number");
    return written && Number(written);
  };
  const once = onceKey();
  formDialog({
    title: "New batch",
    action: "Create batch",
    fields: [name, person, ...content.fields, time, pace, expiry, ...retry.fields, ...speech.fields],
    body: [
      name.element,
      person.element,
      ...content.elements,
      time.element,
      speech.recorded,
      section("Pace, expiry, retries", h("div", { class: "pair" }, pace.element, expiry.element), retry.element),
      speech.more,
    ],
    send: async () => {
      const body = addGiven(speech.read(), {
        scheduled_at: time.read(),
        expires_at: expiry.read(),
        calls_per_second: perSecond(),
        retry: retry.read(),
        user_id: await person.id(),
      });
      // Also if they are empty, so that the API says what is missing.
      Object.assign(body, { name: name.control.value, ...content.read() });
      return once((key) => post("/batches", body, key));
    },
    done: (batch) => {
      toast(`${batch.name} was created`);
      location.hash = `#/batches/${segment(batch.batch_id)}`;
    },
  });
}
