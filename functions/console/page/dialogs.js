// The forms for a call and a user.

import { change, get, post, segment, withQuery } from "./api.js";
import { h, setText, toast } from "./dom.js";
import { field, formDialog, onceKey } from "./forms.js";
import { masked } from "./format.js";
import { noteUser } from "./names.js";

const LISTED = 100;

function text(attributes) {
  return h("input", { type: "text", autocomplete: "off", spellcheck: "false", ...attributes });
}

function choice(options) {
  return h("select", {}, options.map(([value, label]) => h("option", { value }, label)));
}

/** Opens the form that places a call, filled in for `user` if there is one. */
export function placeCall(user) {
  const people = new Map();
  const list = h("datalist", { id: "people" });
  const person = field({
    name: "user_id",
    label: "User",
    control: text({ list: "people", placeholder: "name@example.com" }),
    hint: "The user's e-mail address or id.",
  });
  const number = field({
    name: "to_number",
    label: "Number",
    control: text({ type: "tel", placeholder: "+12125550123" }),
    hint: "With the country code, for example +12125550123.",
  });
  const script = field({
    name: "script",
    label: "Script",
    control: h("textarea", { rows: 4 }),
    hint: "The text to speak, up to 3,000 characters.",
  });
  const recorded = field({
    name: "recording_enabled",
    label: "Record the call",
    control: h("input", { type: "checkbox" }),
  });
  const voice = field({ name: "voice", label: "Voice", control: text({ placeholder: "default" }), optional: true });
  const language = field({ name: "language", label: "Language", control: text({ placeholder: "default" }), optional: true });
  const machine = field({
    name: "machine_detection",
    label: "Answering machine detection",
    control: choice([
      ["", "off"],
      ["Enable", "on"],
      ["DetectMessageEnd", "on, speak after the greeting"],
    ]),
  });
  const more = h(
    "details",
    { class: "more" },
    h("summary", {}, "Voice, language, answering machine detection"),
    h("div", { class: "pair" }, voice.element, language.element),
    machine.element,
  );

  // A button offers the number, because filling the field could disturb typing.
  const offer = h("button", { class: "button offer", type: "button", hidden: true });
  number.control.after(offer);
  const known = () => people.get(person.control.value.trim().toLowerCase());
  const offerNumber = () => {
    const chosen = known();
    offer.hidden = !chosen || number.control.value !== "";
    if (chosen) setText(offer, `Use the number of ${chosen.name}`);
  };
  offer.addEventListener("click", () => {
    number.control.value = known().phone_number;
    offer.hidden = true;
    script.control.focus();
  });
  person.element.append(list);
  for (const { control } of [person, number]) control.addEventListener("input", offerNumber);
  get(withQuery("/users", { page_size: LISTED })).then(
    ({ users }) => {
      for (const one of users) {
        people.set(one.email.toLowerCase(), one);
        list.append(h("option", { value: one.email }, one.name));
      }
      offerNumber();
    },
    // Without the scope for users, the person enters the id.
    () => {},
  );

  /** Returns the user's id for an e-mail address. Any other text is an id already. */
  const userId = async () => {
    const written = person.control.value.trim();
    if (!written.includes("@")) return written;
    const chosen = people.get(written.toLowerCase());
    if (chosen) return chosen.id;
    const { users } = await get(withQuery("/users", { email: written }));
    return users[0]?.id ?? written;
  };

  const once = onceKey();
  const dialog = formDialog({
    title: "New call",
    action: "Place call",
    fields: [person, number, script, recorded, voice, language, machine],
    body: [person.element, number.element, script.element, recorded.element, more],
    send: async () => {
      const body = { recording_enabled: recorded.control.checked };
      const given = {
        user_id: await userId(),
        to_number: number.control.value.trim(),
        script: script.control.value,
        voice: voice.control.value.trim(),
        language: language.control.value.trim(),
        machine_detection: machine.control.value,
      };
      for (const [name, value] of Object.entries(given)) if (value) body[name] = value;
      return once((key) => post("/calls/outbound", body, key));
    },
    done: (call) => {
      const isKnown = call.dial_outcome !== "unknown";
      toast(isKnown ? `Calling ${masked(call.to_number)}` : `Twilio's response was lost: ${masked(call.to_number)} may be called`);
      location.hash = `#/calls/${segment(call.call_id)}`;
    },
  });
  // Open the section if one of its fields has an error.
  new MutationObserver(() => {
    if (more.querySelector("[aria-invalid]")) more.open = true;
  }).observe(more, { attributes: true, subtree: true, attributeFilter: ["aria-invalid"] });
  if (user) {
    people.set(user.email.toLowerCase(), user);
    person.control.value = user.email;
    number.control.value = user.phone_number;
    script.control.focus();
  }
  return dialog;
}

/** Opens the form that creates or changes a user. */
export function editUser(user, done) {
  const zones = h("datalist", { id: "zones" });
  for (const zone of Intl.supportedValuesOf("timeZone")) zones.append(h("option", { value: zone }));
  const name = field({ name: "name", label: "Name", control: text({ value: user?.name ?? "" }) });
  const email = field({
    name: "email",
    label: "E-mail address",
    control: text({ type: "email", value: user?.email ?? "", placeholder: "name@example.com" }),
  });
  const number = field({
    name: "phone_number",
    label: "Number",
    control: text({ type: "tel", value: user?.phone_number ?? "", placeholder: "+12125550123" }),
    hint: "With the country code, for example +12125550123.",
  });
  const zone = field({
    name: "time_zone",
    label: "Time zone",
    control: text({ list: "zones", value: user?.time_zone ?? "", placeholder: "America/New_York" }),
    optional: true,
  });
  zone.element.append(zones);
  const fields = [name, email, number, zone];
  const once = onceKey();
  return formDialog({
    title: user ? "Edit user" : "New user",
    action: user ? "Save" : "Create user",
    fields,
    send: () => {
      const body = {};
      for (const { name: field, control } of fields) {
        const value = control.value.trim();
        if (user ? value !== (user[field] ?? "") : value) {
          body[field] = field === "time_zone" && !value ? null : value;
        }
      }
      return user ? change(`/users/${segment(user.id)}`, body) : once((key) => post("/users", body, key));
    },
    done: (saved) => {
      noteUser(saved);
      toast(user ? "Saved" : `${saved.name} was created`);
      done(saved);
    },
  });
}
